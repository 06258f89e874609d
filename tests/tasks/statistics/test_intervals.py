import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.intervals import paired_difference, pass_at_k, sampled_score, unpaired_difference, wilson


def test_wilson_agrees_with_its_published_values():
    score = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(score.low, 4), round(score.high, 4)) == (0.2553, 0.3662)
    assert (wilson(0, 20).low, round(wilson(0, 20).high, 4)) == (0.0, 0.1611)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_the_paired_difference_and_its_interval():
    new, old = [True] * 60 + [False] * 40, [True] * 50 + [False] * 50
    mean, low, high = paired_difference(new, old)
    centre, reach = 10 / 102, 1.96 / 102 * math.sqrt(11 - 100 / 102)  # half an item more in each of four cells
    assert (mean, low, high) == pytest.approx((0.1, centre - reach, centre + reach), abs=1e-4)


def test_where_no_item_changed_the_paired_interval_keeps_a_width_that_more_items_narrow():
    for n, width in ((1, 1.0), (20, 0.09), (1000, 0.002)):
        assert paired_difference([True] * n, [True] * n)[1:] == pytest.approx((-width, width), abs=0.35 / n)


@pytest.mark.parametrize("shares", [(0.02, 0.01, 0.97), (0.1, 0.2, 0.7), (0.003, 0.001, 0.996)])
def test_the_paired_interval_holds_the_truth_as_often_as_it_says(shares):
    held = 0
    for won, lost, _ in np.random.default_rng(0).multinomial(200, shares, size=400):
        candidate = [True] * int(won) + [False] * (200 - int(won))
        _, low, high = paired_difference(
            candidate, [False] * int(won) + [True] * int(lost) + [False] * (200 - int(won + lost))
        )
        held += low <= shares[0] - shares[1] <= high
    assert held / 400 >= 0.93


def test_the_interval_of_samples_is_wilsons_where_each_item_is_right_or_wrong():
    for right in (0, 7, 20):
        found, known = sampled_score([1.0] * right + [0.0] * (20 - right), 4, 4), wilson(right, 20)
        assert (found.accuracy, found.low, found.high) == pytest.approx((known.accuracy, known.low, known.high))
    found, known = sampled_score([0.5] * 20, 4, 4), wilson(40, 80)
    assert (found.low, found.high) == pytest.approx((known.low, known.high)), "no surer than 80 items"
    found, known = sampled_score([0.0, 1.0, 0.5, 0.5] * 50, 2, 2), wilson(200, 400)  # half the variance
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize(("a", "b"), [(2, 2), (0.3, 0.1), (0.2, 5), (20, 1)])
def test_the_interval_of_samples_holds_the_truth_as_often_as_it_says(a, b):
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        shares = generator.binomial(4, generator.beta(a, b, 60)) / 4
        found = sampled_score(list(shares), 4, 4)
        held += found.low <= a / (a + b) <= found.high
    assert 0.92 <= held / 400 <= 0.985


def test_the_unpaired_difference_agrees_with_its_published_interval():
    found = unpaired_difference(wilson(56, 70), wilson(48, 80))  # Newcombe 1998, table II (a), method 10
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert unpaired_difference(wilson(48, 80), wilson(56, 70)) == pytest.approx((-0.2, -0.3339, -0.0524), abs=1e-4)
    assert unpaired_difference(wilson(10, 10), wilson(0, 10))[1:] == pytest.approx((0.6075, 1.0), abs=1e-4)


@pytest.mark.parametrize(
    ("right", "samples", "k", "chance"),
    [
        (2, 5, 2, 0.7),
        (1, 4, 2, 0.5),
        (3, 5, 1, 0.6),
        (0, 8, 8, 0.0),
        (1, 8, 8, 1.0),
        (4, 6, 3, 1.0),
        (1, 200, 100, 0.5),
    ],
)
def test_pass_at_k_in_closed_form(right, samples, k, chance):
    assert pass_at_k(right, samples, k) == pytest.approx(chance, abs=1e-15)


@given(st.data())
def test_pass_at_k_is_the_share_of_choices_that_hold_a_right_sample(data):
    samples = data.draw(st.integers(1, 9))
    right, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    marks = [True] * right + [False] * (samples - right)
    chosen = [any(choice) for choice in combinations(marks, k)]
    assert pass_at_k(right, samples, k) == pytest.approx(sum(chosen) / len(chosen), abs=1e-15)


@given(st.data())
def test_pass_at_k_of_many_samples_is_the_product_of_the_paper(data):
    samples = data.draw(st.integers(1, 3000))
    right, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    missed = np.prod(1.0 - k / np.arange(samples - right + 1, samples + 1)) if samples - right >= k else 0.0
    assert pass_at_k(right, samples, k) == pytest.approx(1.0 - missed, abs=1e-12)


def test_pass_at_k_needs_k_samples():
    for k in (0, 6):
        with pytest.raises(ValueError, match=f"k = {k}: expected 1 to the 5 samples drawn"):
            pass_at_k(1, 5, k)
