"""Losses against values worked out by hand, TRL's own where it has them, and finite differences."""

import math

import pytest
import torch

from tasks.training.losses import (
    Regularizer,
    geometric_mixture,
    kl_estimates,
    policy_gradient,
    rspo,
    spin,
    sppo,
)

CHOSEN, REJECTED = (torch.tensor([value], dtype=torch.float64) for value in (10.0, -10.0))
WON, LOST = (torch.tensor([value], dtype=torch.float64) for value in (0.7147951, 0.2852049))
REGULARIZERS = Regularizer.__args__


def random(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def test_spin_of_a_policy_that_is_its_reference_is_ln_2():
    zero = torch.zeros(3, dtype=torch.float64)
    assert spin(zero, zero, 0.1).tolist() == [pytest.approx(math.log(2))] * 3
    two, minus_three = zero + 2, zero - 3
    assert spin(two, minus_three, 0.1).tolist() == [pytest.approx(0.474077, abs=5e-7)] * 3
    assert spin(zero - 1e6, zero, 1.0).tolist() == [1e6] * 3, "no overflow"


def test_the_geometric_mixtures_normaliser_does_not_matter():
    assert geometric_mixture(torch.tensor(-10.0), torch.tensor(-14.0), 0.25).item() == -11
    policy, previous, base, constant = random(2, 5), random(2, 5, seed=2), random(2, 5, seed=3), random(5, seed=4)

    def loss(share, shift=0.0):
        reference = geometric_mixture(previous, base, share) + shift
        return spin(*(policy - reference), 0.1)

    assert torch.allclose(loss(0.25), loss(0.25, constant), rtol=0, atol=1e-15)
    assert torch.equal(loss(0.0), spin(*(policy - previous), 0.1)), "a share of 0 is SPIN, bit for bit"
    assert torch.equal(loss(1.0), spin(*(policy - base), 0.1))


def test_sppos_targets_and_losses():
    scores = torch.tensor([1.0, 0, 0, 0, -1], dtype=torch.float64)
    wins = torch.sigmoid(scores[:, None] - scores[None, :])
    rates = wins.mean(1)
    assert rates.tolist() == [pytest.approx(v, abs=5e-7) for v in (0.714795, 0.5, 0.5, 0.5, 0.285205)]
    assert ((rates - 0.5) / 1e-3)[[0, -1]].tolist() == [pytest.approx(v, abs=5e-4) for v in (214.795, -214.795)]
    soft = sppo(CHOSEN, REJECTED, rates[:1], rates[-1:], 1e-3)
    assert soft.item() == pytest.approx(41940.813, abs=5e-4)
    pair = wins[:1, -1]
    assert pair.item() == pytest.approx(0.880797, abs=5e-7)
    assert sppo(CHOSEN, REJECTED, pair, 1 - pair, 1e-3).item() == pytest.approx(137490.473, abs=5e-4)


def test_sppo_with_certain_wins_is_half_of_trls_hard_one():
    one, zero = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    chosen, rejected = random(2, 4)
    hard = (chosen - 0.5 / 1e-3) ** 2 + (rejected + 0.5 / 1e-3) ** 2  # TRL 1.16's sppo_hard
    assert torch.allclose(2 * sppo(chosen, rejected, one, zero, 1e-3), hard, rtol=1e-14)
    assert (2 * sppo(CHOSEN, REJECTED, one[:1], zero[:1], 1e-3)).item() == pytest.approx(480200)


def regularised(regularizer, weight, base=(0.5, -1.0), **more):
    sides = [torch.tensor([value], dtype=torch.float64) for value in base]
    return rspo(CHOSEN, REJECTED, WON, LOST, 1e-3, *sides, regularizer, weight, **more)


@pytest.mark.parametrize(
    ("regularizer", "more", "value"),
    [
        ("reverse_kl", {}, 1.25),
        ("forward_kl", {}, 3.324812),
        ("forward_and_reverse_kl", {"reverse_weight": 2.0}, 3.324812 + 2.5),
        ("chi_squared", {}, math.exp(0.5) + math.exp(-1.0)),
        ("entropy", {"chosen_logp": torch.tensor([-2.0]), "rejected_logp": torch.tensor([-3.0])}, 13.0),
        ("base_samples", {"base_sample_logp": torch.tensor([-7.0])}, 7.0),
    ],
)
def test_rspos_terms_against_the_fixed_base(regularizer, more, value):
    plain = sppo(CHOSEN, REJECTED, WON, LOST, 1e-3)
    assert (regularised(regularizer, 0.1, **more) - plain).item() == pytest.approx(0.1 * value, abs=1e-6)
    assert torch.equal(regularised(regularizer, 0.0, **more), plain), "a weight of 0 is sppo"


def test_rspos_exponents_are_bounded():
    plain = sppo(CHOSEN, REJECTED, WON, LOST, 1e-3)
    for regularizer, base in (("forward_kl", (-500.0, 0.0)), ("chi_squared", (500.0, 0.0))):
        pull = regularised(regularizer, 1.0, base=base) - plain
        assert pull.item() == pytest.approx(math.exp(10) + 1)


def test_a_regulariser_that_is_unknown_or_lacks_its_tensors_is_one_line():
    with pytest.raises(ValueError, match="regularizer = 'kl': expected one of reverse_kl, forward_kl, "):
        regularised("kl", 0.0)
    with pytest.raises(ValueError, match="regularizer = 'entropy' needs chosen_logp"):
        regularised("entropy", 0.1)
    with pytest.raises(ValueError, match="regularizer = 'base_samples' needs base_sample_logp"):
        regularised("base_samples", 0.1)


def test_kl_estimates_of_a_half():
    k1, k2, k3 = (value.item() for value in kl_estimates(torch.tensor(0.5, dtype=torch.float64)))
    assert (k1, k2, k3) == (0.5, 0.125, pytest.approx(0.106531, abs=5e-7))


def test_a_ratio_is_clipped_only_where_that_lowers_the_gain():
    ratio, mask = torch.tensor([[0.5, 1.5]], dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)

    def terms(advantage):
        both = torch.full((1, 2), advantage, dtype=torch.float64)
        only = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
        return [-policy_gradient(ratio.log(), both, m * mask, 0.2, 0.28, "token", 2).item() for m in only]

    assert terms(1.0) == [pytest.approx(0.5), pytest.approx(1.28)]
    assert terms(-1.0) == [pytest.approx(-0.8), pytest.approx(-1.5)]


def test_reductions_weigh_long_attempts_differently():
    mask = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.float64)
    advantages = torch.tensor([[1.0] * 4, [2.0] * 4], dtype=torch.float64)

    def loss(reduction):
        return -policy_gradient(torch.zeros_like(mask), advantages, mask, 0.2, 0.2, reduction, 8).item()

    assert (loss("sequence"), loss("token"), loss("constant")) == (1.5, 9 / 5, 9 / 16)
    with pytest.raises(ValueError, match="reduction = 'mean': expected one of"):
        loss("mean")


@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_gradients_agree_with_finite_differences(regularizer):
    sides = [side.requires_grad_() for side in random(7, 3)]

    def loss(chosen, rejected, base_chosen, base_rejected, chosen_logp, rejected_logp, sample_logp):
        return rspo(
            chosen, rejected, WON, LOST, 0.5, base_chosen, base_rejected, regularizer, 0.3,
            chosen_logp=chosen_logp, rejected_logp=rejected_logp, base_sample_logp=sample_logp,
        )  # fmt: skip

    assert torch.autograd.gradcheck(loss, sides)
    assert torch.autograd.gradcheck(lambda chosen, rejected: spin(chosen, rejected, 0.7), sides[:2])


@pytest.mark.parametrize("reduction", ["sequence", "token", "constant"])
def test_the_policy_gradient_agrees_with_finite_differences(reduction):
    logratio, mask = random(3, 4).mul(0.3).requires_grad_(), torch.ones(3, 4, dtype=torch.float64)
    advantages = random(3, 4, seed=9)
    assert torch.autograd.gradcheck(
        lambda ratio: policy_gradient(ratio, advantages, mask, 0.2, 0.2, reduction, 6), [logratio]
    )


def test_kl_estimates_and_the_mixture_agree_with_finite_differences():
    logratio, previous, base = (values.requires_grad_() for values in random(3, 4))
    for i in range(3):
        assert torch.autograd.gradcheck(lambda ratio, i=i: kl_estimates(ratio)[i], [logratio])
    assert torch.autograd.gradcheck(lambda *both: geometric_mixture(*both, 0.25), [previous, base])
