import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audit.statistics import (
    detectable_gain,
    mcnemar,
    no_worse,
    paired_bootstrap,
    paired_difference,
    pass_at_k,
    sampled_score,
    unpaired_difference,
    wilson,
)


def test_wilson_agrees_with_its_published_values():
    score = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(score.low, 4), round(score.high, 4)) == (0.2553, 0.3662)
    assert (wilson(0, 20).low, round(wilson(0, 20).high, 4)) == (0.0, 0.1611)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_mcnemar_is_the_exact_binomial_tail():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(3, 1) == pytest.approx(5 / 16)
    assert mcnemar(0, 5) == 1.0


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


def test_the_bootstrap_agrees_with_mcnemar_where_both_are_good():
    generator = np.random.default_rng(0)
    old = generator.random(2000) < 0.5
    new = np.where(generator.random(2000) < 0.1, generator.random(2000) < 0.65, old)
    gained, lost = int((new & ~old).sum()), int((old & ~new).sum())
    assert paired_bootstrap(list(new), list(old), seed=1) == pytest.approx(mcnemar(gained, lost), abs=0.03)


def test_the_bootstrap_keeps_its_level_when_nothing_changed():
    generator = np.random.default_rng(0)
    low = 0
    for trial in range(400):
        old, new = generator.random(300) < 0.5, generator.random(300) < 0.5
        low += paired_bootstrap(list(new), list(old), seed=trial) <= 0.05
    assert 0.02 <= low / 400 <= 0.09


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
    ("gained", "lost", "n", "margin"), [(5, 9, 100, 0.05), (0, 3, 50, 0.1), (40, 38, 1000, 0.01)]
)
def test_no_worse_takes_its_variance_from_the_likeliest_shares_at_the_margin(gained, lost, n, margin):
    def log_likelihood(share):  # of items lost; those gained are `margin` fewer
        return (
            (gained * np.log(share - margin) if gained else 0)
            + lost * np.log(share)
            + (n - gained - lost) * np.log(1 - 2 * share + margin)
        )

    shares = np.linspace(margin + 1e-9, (1 + margin) / 2 - 1e-9, 2_000_001)
    likeliest = shares[np.argmax(log_likelihood(shares))]
    score = (gained - lost + n * margin) / math.sqrt(n * (2 * likeliest - margin - margin**2))
    assert no_worse(gained, lost, n, margin) == pytest.approx(0.5 * math.erfc(score / math.sqrt(2)), abs=1e-5)


def test_no_worse_keeps_its_level_at_the_margin_and_sees_what_is_no_worse():
    generator = np.random.default_rng(0)
    at_the_margin = generator.multinomial(500, (0.05, 0.08, 0.87), size=4000)
    equal = generator.multinomial(500, (0.02, 0.02, 0.96), size=400)
    shown = [no_worse(int(won), int(lost), 500, 0.03) <= 0.05 for won, lost, _ in at_the_margin]
    assert 0.03 < sum(shown) / 4000 < 0.06
    assert sum(no_worse(int(won), int(lost), 500, 0.03) <= 0.05 for won, lost, _ in equal) / 400 > 0.9


def test_no_worse_on_nothing_shows_nothing_and_its_margin_is_a_share():
    assert no_worse(0, 0, 0, 0.05) == 1.0
    assert no_worse(0, 0, 1000, 0.05) < 1e-6 < 0.05 < no_worse(0, 0, 10, 0.05)
    for margin in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="margin"):
            no_worse(1, 1, 10, margin)


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
