import math
from itertools import combinations

import numpy as np
import pytest

from tasks.statistics.significance import holm, mcnemar, no_worse, paired_bootstrap


def test_mcnemar_is_the_exact_binomial_tail():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(3, 1) == pytest.approx(5 / 16)
    assert mcnemar(0, 5) == 1.0


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


def test_holm_is_as_published_and_as_closed_testing_has_it():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R: p.adjust(p, "holm")
    assert holm([]) == [] and holm([0.2]) == [0.2] and holm([0.6, 0.7]) == [1.0, 1.0]
    for p in np.random.default_rng(0).random((20, 5)) ** 4:
        groups = [group for size in range(1, 6) for group in combinations(range(5), size)]
        closed = [max(min(1, len(g) * min(p[list(g)])) for g in groups if n in g) for n in range(5)]
        assert holm(list(p)) == pytest.approx(closed)
