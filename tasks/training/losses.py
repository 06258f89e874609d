"""Losses that TRL lacks, as pure functions: one value a pair, or a token; gradients by autograd.

A log-ratio is log pi(y|x) - log ref(y|x), summed over the tokens of y; where nothing else is said, ref is what
answered (the previous iterate). Tensors of pairs have one shape throughout, and so has what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from schemas.losses import Reduction

if TYPE_CHECKING:
    from torch import Tensor

Regularizer = Literal["reverse_kl", "forward_kl", "forward_and_reverse_kl", "chi_squared", "entropy", "base_samples"]
LARGEST_EXPONENT = 10.0  # exp() of a log-ratio explodes without it; RSPO's R


def spin(chosen_logratio: Tensor, rejected_logratio: Tensor, beta: float) -> Tensor:
    """SPIN (Chen et al. 2024, arXiv 2401.01335): the gold answer against the previous iterate's own, by a logistic
    loss on the margin of their log-ratios; ln 2 where policy and reference are the same."""
    from torch.nn.functional import softplus

    return softplus(-beta * (chosen_logratio - rejected_logratio))


def geometric_mixture(previous_logp: Tensor, base_logp: Tensor, share: float) -> Tensor:
    """alpha-SPIN's reference (Alami et al. 2024, arXiv 2404.04291): log of previous^(1-share) base^share, up to the
    normaliser, which both answers of a pair share and so cancels."""
    return (1 - share) * previous_logp + share * base_logp


def sppo(
    chosen_logratio: Tensor,
    rejected_logratio: Tensor,
    chosen_winrate: Tensor,
    rejected_winrate: Tensor,
    beta: float,
) -> Tensor:
    """SPPO (Wu et al. 2024, arXiv 2405.00675): each log-ratio is regressed to how much oftener than half its answer
    wins, over beta.

    Win rates are against all samples of the prompt; or, the paper's other reading, P and 1 - P of the pair itself.
    With (1, 0) it is half of TRL's `sppo_hard`.
    """
    above = chosen_logratio - (chosen_winrate - 0.5) / beta
    below = rejected_logratio - (rejected_winrate - 0.5) / beta
    return (above**2 + below**2) / 2


def rspo(
    chosen_logratio: Tensor,
    rejected_logratio: Tensor,
    chosen_winrate: Tensor,
    rejected_winrate: Tensor,
    beta: float,
    chosen_base_logratio: Tensor,
    rejected_base_logratio: Tensor,
    regularizer: Regularizer,
    weight: float,
    *,
    chosen_logp: Tensor | None = None,
    rejected_logp: Tensor | None = None,
    base_sample_logp: Tensor | None = None,
    reverse_weight: float = 1.0,
) -> Tensor:
    """RSPO (Tang et al. 2025, arXiv 2503.00030): SPPO's loss and `weight` times a pull to the fixed base.

    Base log-ratios are log pi - log base. `entropy` needs the policy's own log-probabilities of both answers,
    `base_samples` those of an answer that the base gave. Raises ValueError for an unknown regulariser, or one whose
    tensors are missing.
    """
    if regularizer not in get_args(Regularizer):
        raise ValueError(f"regularizer = {regularizer!r}: expected one of {', '.join(get_args(Regularizer))}")
    loss = sppo(chosen_logratio, rejected_logratio, chosen_winrate, rejected_winrate, beta)
    if weight == 0:
        return loss
    if regularizer == "base_samples":
        return loss - weight * _given(base_sample_logp, regularizer, "base_sample_logp")
    if regularizer == "entropy":
        sides = (_given(chosen_logp, regularizer, "chosen_logp"), _given(rejected_logp, regularizer, "rejected_logp"))
        return loss + weight * sum(side**2 for side in sides)
    both = (chosen_base_logratio, rejected_base_logratio)
    return loss + weight * sum(_pull(side, regularizer, reverse_weight) for side in both)


def _pull(base_logratio: Tensor, regularizer: str, reverse_weight: float) -> Tensor:
    """A surrogate on the previous iterate's samples whose gradient has the divergence's form: its value is no KL."""
    reverse = base_logratio**2
    forward = (-base_logratio).clamp(max=LARGEST_EXPONENT).exp()
    if regularizer == "reverse_kl":
        return reverse
    if regularizer == "forward_kl":
        return forward
    if regularizer == "forward_and_reverse_kl":
        return forward + reverse_weight * reverse
    return base_logratio.clamp(max=LARGEST_EXPONENT).exp()  # chi_squared


def _given(tensor: Tensor | None, regularizer: str, name: str) -> Tensor:
    if tensor is None:
        raise ValueError(f"regularizer = {regularizer!r} needs {name}")
    return tensor


def kl_estimates(logratio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """k1, k2 and k3 of KL(pi, ref), a token, from samples of pi (Schulman 2020, joschu.net/blog/kl-approx.html)."""
    return logratio, logratio**2 / 2, (-logratio).exp() - 1 + logratio


def policy_gradient(
    logratio: Tensor,
    advantages: Tensor,
    mask: Tensor,
    low: float,
    high: float,
    reduction: Reduction,
    max_tokens: int,
) -> Tensor:
    """PPO's clipped objective (Schulman et al. 2017, arXiv 1707.06347), to be minimised; one number.

    logratio: log pi - log pi_old, (attempts, tokens); advantages and mask (1 where a token counts): the same shape.
    The ratio is clipped to 1 - low and 1 + high. `sequence`: the mean over an attempt's tokens, then over attempts
    (GRPO); `token`: over all tokens (DAPO, REINFORCE++); `constant`: their sum over attempts times max_tokens
    (Dr. GRPO), which favours no length.
    """
    ratio = logratio.exp()
    gains = (ratio * advantages).minimum(ratio.clamp(1 - low, 1 + high) * advantages)
    return -reduced(gains, mask, reduction, max_tokens)


def reduced(values: Tensor, mask: Tensor, reduction: Reduction, max_tokens: int) -> Tensor:
    """One number of a value a token, as `policy_gradient` takes them together."""
    if reduction == "sequence":
        return ((values * mask).sum(-1) / mask.sum(-1).clamp(min=1)).mean()
    if reduction == "token":
        return (values * mask).sum() / mask.sum().clamp(min=1)
    if reduction == "constant":
        return (values * mask).sum() / (len(values) * max_tokens)
    raise ValueError(f"reduction = {reduction!r}: expected one of {', '.join(get_args(Reduction))}")
