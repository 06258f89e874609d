import numpy as np
import pytest

from tasks.statistics.power import detectable_gain
from tasks.statistics.significance import mcnemar


@pytest.mark.parametrize(("n", "share"), [(4000, 0.15), (500, 0.3), (200, 0.1)])
def test_a_gain_that_could_have_been_shown_is_shown_in_four_of_five_cases(n, share):
    gain = detectable_gain(n, round(n * share), 0.05)
    counts = np.random.default_rng(0).multinomial(n, ((share + gain) / 2, (share - gain) / 2, 1 - share), size=2000)
    assert 0.74 < np.mean([mcnemar(int(won), int(lost)) <= 0.05 for won, lost, _ in counts]) < 0.84


def test_few_changes_are_not_too_few_items():
    assert 0.001 < detectable_gain(4000, 3, 0.05) < 0.002, "6 of 4,000, all gained, would have been shown"
    assert detectable_gain(4000, 3, 0.05) == detectable_gain(4000, 0, 0.05) < detectable_gain(4000, 30, 0.05)


def test_what_is_too_small_could_have_shown_nothing():
    for n in (0, 3, 4):
        assert detectable_gain(n, n, 0.05) == 1.0 and mcnemar(n, 0) > 0.05
    for n in (5, 6, 10):
        assert detectable_gain(n, n, 0.05) < 1.0 and mcnemar(n, 0) <= 0.05
    assert detectable_gain(4000, 600, 0.05) < detectable_gain(1000, 150, 0.05) < detectable_gain(1000, 150, 0.005)
