import math

import numpy as np
import pytest

from tasks.audit.statistics import (
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_difference,
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
    spread = math.sqrt((10 * 0.9**2 + 90 * 0.1**2) / 99)
    assert (mean, low, high) == pytest.approx((0.1, 0.1 - 1.96 * spread / 10, 0.1 + 1.96 * spread / 10), abs=1e-4)


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


def test_the_mean_interval_is_over_items():
    mean, low, high = mean_interval([0.0, 1.0, 0.5, 0.5])
    assert mean == 0.5
    assert (
        high - mean
        == pytest.approx(mean - low)
        == pytest.approx(1.96 * np.std([0, 1, 0.5, 0.5], ddof=1) / 2, abs=1e-4)
    )


def test_the_unpaired_difference_agrees_with_its_published_interval():
    found = unpaired_difference(wilson(56, 70), wilson(48, 80))  # Newcombe 1998, table II (a), method 10
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert unpaired_difference(wilson(48, 80), wilson(56, 70)) == pytest.approx((-0.2, -0.3339, -0.0524), abs=1e-4)
    assert unpaired_difference(wilson(10, 10), wilson(0, 10))[1:] == pytest.approx((0.6075, 1.0), abs=1e-4)
