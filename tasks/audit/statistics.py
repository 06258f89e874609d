"""Intervals and tests: how sure a figure is, and whether two checkpoints differ on the same items."""

import math
from collections.abc import Sequence

import numpy as np

from schemas.manifest import Score

Z95 = 1.959963984540054
RESAMPLES = 10_000


def wilson(successes: int, n: int, undecided: int = 0, z: float = Z95) -> Score:
    """Accuracy with its Wilson interval (Wilson 1927), 95% unless told; (0, 0, 1) for n = 0."""
    if n == 0:
        return Score(accuracy=0.0, low=0.0, high=1.0, n=0, undecided=undecided)
    share, square = successes / n, z**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Score(
        accuracy=share, low=max(0.0, centre - reach), high=min(1.0, centre + reach), n=n, undecided=undecided
    )


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean with its 95% normal interval over items (an item's samples are not independent: pass one mean an item)."""
    mean = float(np.mean(values))
    reach = Z95 * float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 1.0
    return mean, max(0.0, mean - reach), min(1.0, mean + reach)


def mcnemar(gained: int, lost: int) -> float:
    """One-sided p-value of McNemar's exact test (McNemar 1947): were the items that changed a fair coin, how often
    would at least this many have been gained?"""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue) if gained + lost else 1.0


def paired_difference(candidate: Sequence[bool], champion: Sequence[bool]) -> tuple[float, float, float]:
    """Difference in accuracy on the same items, with its 95% normal interval for paired shares."""
    difference = np.asarray(candidate, dtype=float) - np.asarray(champion, dtype=float)
    mean = float(difference.mean())
    reach = Z95 * float(difference.std(ddof=1)) / math.sqrt(len(difference)) if len(difference) > 1 else 1.0
    return mean, mean - reach, mean + reach


def unpaired_difference(a: Score, b: Score) -> tuple[float, float, float]:
    """How much greater the share a is than b, with its interval for independent shares: Newcombe's hybrid of their
    own (Newcombe 1998, Statistics in Medicine 17:873, method 10)."""
    difference = a.accuracy - b.accuracy
    down = math.hypot(a.accuracy - a.low, b.high - b.accuracy)
    up = math.hypot(a.high - a.accuracy, b.accuracy - b.low)
    return difference, difference - down, difference + up


def paired_bootstrap(candidate: Sequence[bool], champion: Sequence[bool], seed: int) -> float:
    """One-sided p-value of a paired bootstrap (Efron and Tibshirani 1993): the share of 10,000 resampled differences
    that are not above zero."""
    difference = np.asarray(candidate, dtype=float) - np.asarray(champion, dtype=float)
    # a difference is -1, 0 or 1: resampling items is drawing the three counts
    shares = [float((difference == value).mean()) for value in (-1.0, 0.0, 1.0)]
    counts = np.random.default_rng(seed).multinomial(len(difference), shares, size=RESAMPLES)
    return float((counts[:, 2] <= counts[:, 0]).mean())
