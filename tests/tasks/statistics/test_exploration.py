from itertools import product

import pytest
from pydantic import ValidationError

from schemas.exploration import RewardExploration
from tasks.statistics.exploration import blended, exploration


@pytest.mark.parametrize(
    ("steps", "exponent", "explored"), [(0, 1, 0), (3, 1, 0.5), (6, 1, 1), (60, 1, 1), (3, 0.5, 0.7071), (3, 2, 0.25)]
)
def test_exploration_is_a_power_of_the_share_of_the_steps_that_count(steps, exponent, explored):
    assert exploration(steps, 6, exponent) == pytest.approx(explored, abs=5e-5)


@pytest.mark.parametrize("weight", [0.51, 0.8, 1.0])
def test_above_a_half_every_right_attempt_earns_more_than_any_wrong_one(weight):
    """Of the four: short and wrong, long and wrong, short and right, long and right."""
    earned = {(right, long): blended(right, long, weight) for right, long in product((0, 1), (0, 1))}
    assert min(earned[1, 0], earned[1, 1]) > max(earned[0, 0], earned[0, 1])
    assert (earned[1, 1] > earned[1, 0]) == (weight < 1)


def test_at_a_half_length_would_pay_as_much_as_truth_and_a_recipe_that_says_so_is_refused():
    assert blended(0, 1, 0.5) == blended(1, 0, 0.5)
    with pytest.raises(ValidationError, match="correctness"):
        RewardExploration(correctness=0.5, step="=", most_steps=6)
