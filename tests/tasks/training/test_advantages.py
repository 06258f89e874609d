"""Advantages against values worked out by hand."""

import pytest
import torch

from tasks.training.advantages import batch, group, leave_one_out, token_returns

FIVE, TWO, ONE, ALL = ((1.0,) * n + (0.0,) * (8 - n) for n in (5, 2, 1, 8))


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def near(*values, within=5e-5):
    return pytest.approx(values, abs=within)


@pytest.mark.parametrize(
    ("rewards", "scale", "right", "wrong"),
    [
        (FIVE, "sample", 0.7246, -1.2076),
        (FIVE, "population", 0.7746, -1.2910),
        (FIVE, "none", 0.375, -0.625),
        (TWO, "sample", 0.75 / 0.4629100498862757, -0.25 / 0.4629100498862757),
        (TWO, "population", 3**0.5, -(3**-0.5)),
        (TWO, "none", 0.75, -0.25),
        (ONE, "sample", 0.875 / 8**-0.5, -0.125 / 8**-0.5),
        (ONE, "population", 7**0.5, -(7**-0.5)),
        (ONE, "none", 0.875, -0.125),
    ],
)
def test_right_attempts_of_eight_against_their_group(rewards, scale, right, wrong):
    found = group(tensor(*rewards), scale)
    assert (found.max().item(), found.min().item()) == near(right, wrong)
    assert abs(found.sum().item()) < 1e-9


@pytest.mark.parametrize(
    ("rewards", "right", "wrong"), [(FIVE, 3 / 7, -5 / 7), (TWO, 6 / 7, -2 / 7), (ONE, 1.0, -1 / 7)]
)
def test_right_attempts_of_eight_against_the_others(rewards, right, wrong):
    found = leave_one_out(tensor(*rewards))
    assert (found.max().item(), found.min().item()) == near(right, wrong, within=1e-12)
    for i, advantage in enumerate(found.tolist()):
        others = [r for j, r in enumerate(rewards) if j != i]
        assert advantage == pytest.approx(rewards[i] - sum(others) / 7)


def test_a_unanimous_group_teaches_nothing_and_spoils_nothing():
    for value in (1.0, 0.1):
        same = torch.full((3, 8), value, dtype=torch.float64)
        for found in (group(same, "none"), group(same, "sample"), group(same, "population"), leave_one_out(same)):
            assert found.abs().max() < 1e-6
        assert batch(same).abs().max() < 1e-6


def test_the_least_deviations_bound_what_rounding_makes_of_almost_equal_rewards():
    almost = tensor((1e-12, -1e-12))
    assert group(almost, "population").tolist() == [near(1e-12 / 1.001e-9, -1e-12 / 1.001e-9, within=1e-9)]
    assert batch(almost).tolist() == [near(1e-12 / 1e-8**0.5, -1e-12 / 1e-8**0.5, within=1e-12)]
    apart = tensor((1e-3, -1e-3))
    assert group(apart, "population").tolist() == [near(1, -1, within=2e-6)]
    assert batch(apart).tolist() == [near(1, -1, within=1e-9)]


def test_shorter_numbers_are_no_less_exact():
    for value in (0.7, 1 / 3):
        same = torch.full((7,), value)
        assert not group(same, "sample").any()
        assert not leave_one_out(same).any()
        assert not batch(same).any()
    assert group(torch.tensor([1.0, 0.0]), "population").dtype == torch.float32
    assert group(torch.tensor([1, 0]), "population").tolist() == near(1.0, -1.0)
    assert leave_one_out(torch.tensor([1, 0, 0])).tolist() == near(1.0, -0.5, -0.5)


def test_a_batch_of_one_right_attempt_of_eight():
    found = batch(tensor(ONE))
    assert (found.max().item(), found.min().item()) == near(7**0.5, -(7**-0.5))


def test_a_batch_is_normalised_before_the_band_drops_groups_or_after():
    kept = batch(tensor(FIVE, TWO))
    assert (kept.max().item(), kept.min().item()) == near(1.13389, -0.88192, within=5e-6)
    with_unanimous = batch(tensor(FIVE, TWO, ALL))[:2]
    assert (with_unanimous.max().item(), with_unanimous.min().item()) == near(0.77460, -1.29099, within=5e-6)
    assert abs(kept.mean()) < 1e-12 < abs(with_unanimous.mean())


def test_a_batch_counts_tokens_not_attempts():
    returns, mask = tensor((1, 1, 1, 1), (0, 9, 9, 9)), tensor((1, 1, 1, 1), (1, 0, 0, 0))
    found = batch(returns, mask)
    assert found[0].tolist() == [pytest.approx(0.5)] * 4
    assert found[1].tolist() == [pytest.approx(-2.0), 0, 0, 0]


def test_groups_do_not_touch_one_another():
    together = tensor(FIVE, TWO, ONE)
    for advantages in (lambda r: group(r, "sample"), lambda r: group(r, "none"), leave_one_out):
        alone = torch.stack([advantages(row) for row in together])
        assert torch.equal(advantages(together), alone)


def test_a_token_is_followed_by_the_reward_and_the_kl_from_there_on():
    kl, mask = tensor((0.5, 0.25, 1.0), (2.0, 7.0, 7.0)), tensor((1, 1, 1), (1, 0, 0))
    found = token_returns(tensor(1, 50), kl, mask, 0.1)
    assert found[0].tolist() == [pytest.approx(value) for value in (0.825, 0.875, 0.9)]
    assert found[1].tolist() == [pytest.approx(9.8), 0, 0], "the reward is bounded, and what is masked is nothing"


def test_what_cannot_be_scaled_is_told():
    one = tensor((1.0,), (0.0,))
    for advantages in (leave_one_out, lambda r: group(r, "sample")):
        with pytest.raises(ValueError, match="a group of one attempt"):
            advantages(one)
    assert group(one, "none").tolist() == [[0.0], [0.0]]
    with pytest.raises(ValueError, match="scale = 'std': expected one of none, sample, population"):
        group(one, "std")
