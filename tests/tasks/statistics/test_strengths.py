import math

import numpy as np
import pytest

from tasks.statistics.intervals import Z95
from tasks.statistics.strengths import bradley_terry, unbeaten

BASEBALL = {  # American League East 1987 (Agresti, Categorical Data Analysis, 2nd edition, section 10.6)
    "Milwaukee": (0, 7, 9, 7, 7, 9, 11),
    "Detroit": (6, 0, 7, 5, 11, 9, 9),
    "Toronto": (4, 6, 0, 7, 7, 8, 12),
    "New York": (6, 8, 6, 0, 6, 7, 10),
    "Boston": (6, 2, 6, 7, 0, 7, 12),
    "Cleveland": (4, 4, 5, 6, 6, 0, 6),
    "Baltimore": (2, 4, 1, 3, 1, 7, 0),
}
TIED = [[0, 6.5, 9, 7, 12], [3.5, 0, 5.5, 8, 9], [1, 4.5, 0, 6, 7.5], [3, 2, 4, 0, 5.5], [2, 1, 2.5, 4.5, 0]]


def test_the_published_strengths_and_errors_of_baseball():
    """As R's BradleyTerry2 prints them, against Baltimore (its vignette, baseballModel1)."""
    found = bradley_terry(list(BASEBALL.values()))
    cov = found.covariance
    errors = [math.sqrt(cov[n, n] + cov[6, 6] - 2 * cov[n, 6]) for n in range(6)]
    assert list(found.log_odds[:6] - found.log_odds[6]) == pytest.approx(
        [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839], abs=1e-4
    )
    assert errors == pytest.approx([0.3433, 0.3396, 0.3367, 0.3359, 0.3339, 0.3319], abs=1e-4)


def test_two_players_are_log_odds_with_the_binomial_error():
    for won, lost in ((30, 10), (1, 1), (10.5, 2.5), (999, 1)):
        found = bradley_terry([[0, won], [lost, 0]])
        share, low, high = found.chance(0, 1)
        assert found.covariance == pytest.approx((1 / won + 1 / lost) / 4 * np.array([[1, -1], [-1, 1]]))
        reach = Z95 * math.sqrt(1 / won + 1 / lost)
        assert share == pytest.approx(won / (won + lost))
        assert math.log(low / (1 - low)) == pytest.approx(math.log(won / lost) - reach)
        assert math.log(high / (1 - high)) == pytest.approx(math.log(won / lost) + reach)


def test_with_ties_the_strengths_are_those_of_two_libraries():
    # choix 0.4.1, opt_pairwise, and evalica 0.4.2, bradley_terry: both, of these games
    assert list(bradley_terry(TIED).log_odds) == pytest.approx(
        [1.053608, 0.550221, -0.093832, -0.508025, -1.001972], abs=1e-6
    )


def test_intervals_cover_the_truth_as_often_as_they_say():
    truth, generator, covered = np.array([0.8, 0.2, -0.1, -0.9]), np.random.default_rng(0), 0
    for _ in range(300):
        wins = np.zeros((4, 4))
        for a in range(4):
            for b in range(a):
                wins[a, b] = generator.binomial(60, 1 / (1 + math.exp(truth[b] - truth[a])))
                wins[b, a] = 60 - wins[a, b]
        low, high = bradley_terry(wins).interval(0)
        covered += low <= truth[0] <= high
    assert 0.92 <= covered / 300 <= 0.98


def test_a_group_that_nobody_else_beats_has_no_strength():
    assert unbeaten(TIED) is None and unbeaten([[0, 0.5], [0.5, 0]]) is None
    assert unbeaten([[0, 3], [0, 0]]) == [0]
    assert unbeaten([[0, 3, 1], [2, 0, 5], [0, 0, 0]]) == [0, 1]
    assert unbeaten([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]) is not None, "no game joins two groups"
