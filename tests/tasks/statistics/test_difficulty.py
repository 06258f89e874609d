import pytest

from tasks.statistics.difficulty import REWARDS_OF, gaussian_of_variance, tent

CLOSED_FORMS = {  # at p = 0, .3, .5, .625, .75, .875, 1
    "gaussian_of_variance": (0.0439, 0.9231, 1, 0.9879, 0.8226, 0.3720, 0.0439),
    "neither_all_nor_none": (0, 1, 1, 1, 1, 1, 0),
    "rarer_outcome": (0, 0.3, 0.5, 0.375, 0.25, 0.125, 0),
    "wrong_share": (1, 0.7, 0.5, 0.375, 0.25, 0.125, 0),
    "failure": (0, 0.7, 0.5, 0.375, 0.25, 0.125, 0),
}


@pytest.mark.parametrize("name", REWARDS_OF)
def test_a_question_earns_what_its_paper_says(name):
    shares = (0, 0.3, 0.5, 0.625, 0.75, 0.875, 1)
    assert [REWARDS_OF[name](p) for p in shares] == pytest.approx(list(CLOSED_FORMS[name]), abs=5e-5)


def test_what_nobody_or_everybody_solves_still_earns_a_little_and_alike():
    assert gaussian_of_variance(0) == gaussian_of_variance(1) == pytest.approx(0.04, abs=0.005)


@pytest.mark.parametrize("earns", REWARDS_OF.values())
def test_every_function_of_the_table_is_finite_from_none_to_all(earns):
    assert all(0 <= earns(n / 20) <= 1 for n in range(21))


def test_the_tent_pays_between_half_and_nine_tenths_and_most_in_the_middle():
    rates = (0, 0.375, 0.5, 0.625, 0.7, 0.75, 0.875, 1)
    assert [tent(p, 8) for p in rates] == pytest.approx([0, 0, 0.25, 0.71875, 1, 0.8125, 0.34375, 0])


@pytest.mark.parametrize(("attempts", "reachable"), [(2, 1), (4, 2), (8, 4), (10, 5), (20, 9)])
def test_the_tents_ends_earn_one_over_the_rates_that_so_many_attempts_can_reach(attempts, reachable):
    assert tent(0.5, attempts) == pytest.approx(1 / reachable) == tent(0.9, attempts)
