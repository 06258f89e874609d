import numpy as np
import pytest

from tasks.statistics.power import detectable_gain, items_needed
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


@pytest.mark.parametrize(("share", "gain"), [(0.15, 0.03), (0.3, 0.1), (0.05, 0.02), (0.5, -0.2)])
def test_so_many_items_are_needed_as_show_the_difference_in_four_of_five_cases(share, gain):
    n = items_needed(share, gain, 0.05)
    cells = ((share + abs(gain)) / 2, (share - abs(gain)) / 2, 1 - share)
    counts = np.random.default_rng(0).multinomial(n, cells, size=2000)
    # the exact test is a little stricter than the normal one that counts the items
    assert 0.72 < np.mean([mcnemar(int(won), int(lost)) <= 0.05 for won, lost, _ in counts]) < 0.84
    assert detectable_gain(n, round(n * share), 0.05) == pytest.approx(abs(gain), rel=0.02), "the inverse"


def test_items_needed_in_closed_form():
    # all items change, half of them and half of those back: (1.6449 + 0.8416 sqrt(1 - 0.2^2))^2 / 0.2^2
    assert items_needed(1.0, 0.2, 0.05) == 153
    assert items_needed(0.2, 0.1, 0.025) == 155  # (1.95996 sqrt(0.2) + 0.84162 sqrt(0.19))^2 / 0.1^2 = 154.3
    assert items_needed(0.1, 0.0, 0.05) is None
    assert items_needed(1.0, 1.0, 0.05) == 5, "as few as could show anything: 0.5^5 <= 0.05"
