"""Intervals: a share, or a difference of two, and how sure it is."""

import math
from collections.abc import Sequence

import numpy as np

from schemas.manifest import SampledScore, Score

Z95 = 1.959963984540054


def wilson(successes: int, n: int, undecided: int = 0, z: float = Z95) -> Score:
    """Accuracy with its Wilson interval (Wilson 1927), 95% unless told; (0, 0, 1) for n = 0."""
    if n == 0:
        return Score(accuracy=0.0, low=0.0, high=1.0, n=0, undecided=undecided)
    low, high = _wilson(successes / n, n, z)
    return Score(accuracy=successes / n, low=low, high=high, n=n, undecided=undecided)


def sampled_score(shares: Sequence[float], k: int, samples: int) -> SampledScore:
    """Mean of a share an item (an item's samples are not independent), with its 95% interval over items: Wilson's, of
    as many items right or wrong as would be as sure (Korn and Graubard 1998, Survey Methodology 24:193).

    Shares of 0 and 1 alone give Wilson's own; where all are alike, each of its `samples` counts as an item.
    """
    n, mean, variance = len(shares), float(np.mean(shares)), float(np.var(shares))
    whole = mean * (1 - mean)
    as_sure = n * min(float(samples), whole / variance) if variance > 0 else n * (samples if whole > 0 else 1)
    low, high = _wilson(mean, as_sure, Z95)
    return SampledScore(k=k, accuracy=mean, low=low, high=high, n=n)


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    square = z**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def paired_difference(candidate: Sequence[bool], champion: Sequence[bool]) -> tuple[float, float, float]:
    """Difference in accuracy on the same items, with its 95% interval: that for paired shares with half an item more
    in each cell (Agresti and Min 2005, Statistics in Medicine 24:729), which keeps a width where no item changed."""
    difference = np.asarray(candidate, dtype=float) - np.asarray(champion, dtype=float)
    n = len(difference) + 2
    shifted = float(difference.sum()) / n
    reach = Z95 * math.sqrt((float(np.abs(difference).sum()) + 1) / n - shifted**2) / math.sqrt(n)
    return float(difference.mean()), max(-1.0, shifted - reach), min(1.0, shifted + reach)


def unpaired_difference(a: Score, b: Score) -> tuple[float, float, float]:
    """How much greater the share a is than b, with its interval for independent shares: Newcombe's hybrid of their
    own (Newcombe 1998, Statistics in Medicine 17:873, method 10)."""
    difference = a.accuracy - b.accuracy
    down = math.hypot(a.accuracy - a.low, b.high - b.accuracy)
    up = math.hypot(a.high - a.accuracy, b.accuracy - b.low)
    return difference, difference - down, difference + up


def pass_at_k(right: int, samples: int, k: int) -> float:
    """Chance that at least one of k samples is right, unbiased (Chen et al. 2021, arXiv 2107.03374): of all choices
    of k among the samples drawn. Raises ValueError for fewer samples than k."""
    if not 1 <= k <= samples:
        raise ValueError(f"k = {k}: expected 1 to the {samples} samples drawn")
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)
