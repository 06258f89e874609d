"""Tests of significance: whether two checkpoints differ on the same items."""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 10_000


def mcnemar(gained: int, lost: int) -> float:
    """One-sided p-value of McNemar's exact test (McNemar 1947): were the items that changed a fair coin, how often
    would at least this many have been gained?"""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue) if gained + lost else 1.0


def paired_bootstrap(candidate: Sequence[bool], champion: Sequence[bool], seed: int) -> float:
    """One-sided p-value of a paired bootstrap (Efron and Tibshirani 1993): the share of 10,000 resampled differences
    that are not above zero."""
    difference = np.asarray(candidate, dtype=float) - np.asarray(champion, dtype=float)
    # a difference is -1, 0 or 1: resampling items is drawing the three counts
    shares = [float((difference == value).mean()) for value in (-1.0, 0.0, 1.0)]
    counts = np.random.default_rng(seed).multinomial(len(difference), shares, size=RESAMPLES)
    return float((counts[:, 2] <= counts[:, 0]).mean())


def no_worse(gained: int, lost: int, n: int, margin: float) -> float:
    """One-sided p-value of a paired non-inferiority test (Tango 1998, Statistics in Medicine 17:891): were the true
    difference in accuracy -margin, how often would the items speak at least this much for the candidate?

    1.0 for n = 0. Raises ValueError for a margin that is not above 0 and below 1.
    """
    from scipy.stats import norm

    if not 0 < margin < 1:
        raise ValueError(f"margin = {margin}: expected above 0 and below 1")
    if n == 0:
        return 1.0
    # the likeliest share of items lost, were the difference -margin: a root of the constrained likelihood
    b = -gained - lost - (2 * n - gained + lost) * margin
    share = (math.sqrt(b * b - 8 * n * (lost * margin * (1 + margin))) - b) / (4 * n)
    variance = n * (2 * share - margin * (1 + margin))
    return float(norm.sf((gained - lost + n * margin) / math.sqrt(variance))) if variance > 0 else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given, of tests that are read together (Holm 1979, Scandinavian Journal of
    Statistics 6:65): each at most the level, with a chance of no more than the level that any is so by luck."""
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    adjusted, least = [0.0] * len(order), 0.0
    for rank, n in enumerate(order):
        least = adjusted[n] = max(least, min(1.0, (len(order) - rank) * p_values[n]))
    return adjusted
