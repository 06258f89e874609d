import pytest

from tasks.statistics.difficulty import REWARDS_OF, gaussian_of_variance


@pytest.mark.parametrize(
    ("p", "reward"),
    [(0, 0.0439), (0.3, 0.9231), (0.5, 1), (0.625, 0.9879), (0.75, 0.8226), (0.875, 0.3720), (1, 0.0439)],
)
def test_the_closer_to_half_right_the_more_a_question_earns(p, reward):
    assert gaussian_of_variance(p) == pytest.approx(reward, abs=5e-5)


def test_what_nobody_or_everybody_solves_still_earns_a_little_and_alike():
    assert gaussian_of_variance(0) == gaussian_of_variance(1) == pytest.approx(0.04, abs=0.005)


@pytest.mark.parametrize("earns", REWARDS_OF.values())
def test_every_function_of_the_table_is_finite_from_none_to_all(earns):
    assert all(0 <= earns(n / 20) <= 1 for n in range(21))
