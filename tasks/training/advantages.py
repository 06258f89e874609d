"""Advantages: how much better an attempt was than what it is held against. Pure functions, tensors in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from schemas.losses import Scale

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-9  # keeps a unanimous group's advantages at 0
LEAST_VARIANCE = 1e-8
LARGEST_REWARD = 10.0


def group(rewards: Tensor, scale: Scale) -> Tensor:
    """Rewards (..., attempts) minus their group's mean, over its standard deviation unless `none`.

    GRPO (Shao et al. 2024, arXiv 2402.03300) divides by the sample's; Dr. GRPO (Liu et al. 2025, arXiv 2503.20783) by
    nothing. A unanimous group has zeros. Raises ValueError for an unknown scale, or a group of one to be scaled by
    its sample's deviation.
    """
    exact = rewards.double()  # in float32 the rounded mean of equal rewards over a small deviation is no zero
    centred = exact - exact.mean(-1, keepdim=True)
    kind = rewards.dtype if rewards.is_floating_point() else exact.dtype
    if scale == "none":
        return centred.to(kind)
    if scale not in get_args(Scale):
        raise ValueError(f"scale = {scale!r}: expected one of {', '.join(get_args(Scale))}")
    correction = 1 if scale == "sample" else 0
    if rewards.shape[-1] <= correction:
        raise ValueError("a group of one attempt has no sample deviation")
    return (centred / (exact.std(-1, keepdim=True, correction=correction) + SMALL)).to(kind)


def leave_one_out(rewards: Tensor) -> Tensor:
    """Rewards (..., attempts) minus the mean of the group's others: RLOO (Ahmadian et al. 2024, arXiv 2402.14740).

    Raises ValueError for groups of one.
    """
    n = rewards.shape[-1]
    if n < 2:
        raise ValueError("a group of one attempt has no others")
    exact = rewards.double()
    found = (exact - exact.mean(-1, keepdim=True)) * (n / (n - 1))
    return found.to(rewards.dtype) if rewards.is_floating_point() else found


def batch(groups: Tensor, mask: Tensor | None = None) -> Tensor:
    """All values of a batch, whatever their group, minus their mean and over their population's deviation:
    REINFORCE++ (Hu 2025, arXiv 2501.03262) as SeRL plays it, on returns of tokens.

    mask: 1 where a value counts, the same shape; what does not count comes out as 0. Long attempts weigh more. Groups
    that a band will drop are part of the batch if they are dropped afterwards, which is SeRL's order; the advantages
    that are kept then need not be zero on average.
    """
    exact = groups.double()
    counts = mask.double() if mask is not None else exact.new_ones(exact.shape)
    total = counts.sum().clamp(min=1)
    mean = (exact * counts).sum() / total
    variance = ((exact - mean) ** 2 * counts).sum() / total
    found = (exact - mean) * counts / variance.clamp(min=LEAST_VARIANCE).sqrt()
    return found.to(groups.dtype) if groups.is_floating_point() else found


def token_returns(rewards: Tensor, kl: Tensor, mask: Tensor, weight: float) -> Tensor:
    """What each token is followed by: the attempt's reward at its last token, less `weight` times the KL of every
    token from here on.

    rewards: (attempts,), bounded to -10 and 10; kl: log pi_old - log ref of each token (k1), (attempts, tokens);
    mask: 1 where a token counts. Undiscounted.
    """
    penalties = (-weight * kl * mask).flip(-1).cumsum(-1).flip(-1)
    return (penalties + rewards.clamp(-LARGEST_REWARD, LARGEST_REWARD).unsqueeze(-1)) * mask
