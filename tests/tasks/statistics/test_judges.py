"""What a judge of known error pays, in closed form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.judges import Rates, measured_reward, rates

REWARDS, TRUTHS = st.sampled_from([0.0, 0.25, 1.0, None]), st.sampled_from([True, False, None])
ROWS = st.lists(st.fixed_dictionaries({"reward": REWARDS, "right": TRUTHS}))


@pytest.mark.parametrize(
    ("accuracy", "fn", "fp", "reward"),
    [(0.5, 0, 0, 0.5), (0.5, 0.1, 0.1, 0.5), (0.2, 0, 0.5, 0.6), (0, 0.3, 1, 1.0), (1, 0.3, 1, 0.7)],
)
def test_the_measured_reward_in_closed_form(accuracy, fn, fp, reward):
    assert measured_reward(accuracy, fn, fp) == pytest.approx(reward)


def test_a_judge_that_accepts_all_pays_in_full_whatever_the_truth():
    """The failure mode in one line: the reward is as high as it can be, and the accuracy does not matter."""
    assert [measured_reward(accuracy, 0, 1) for accuracy in (0.0, 0.1, 0.9)] == pytest.approx([1, 1, 1])


@given(ROWS)
def test_the_mean_reward_follows_from_the_rates(rows):
    found = rates(rows)
    paid = [row["reward"] for row in rows if None not in (row["reward"], row["right"])]
    if not paid:
        assert found == Rates(None, None, None)
        return
    told = measured_reward(*(rate or 0.0 for rate in found))
    assert told == pytest.approx(sum(paid) / len(paid))
