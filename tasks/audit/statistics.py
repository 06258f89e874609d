"""Intervals and tests: how sure a figure is, and whether two checkpoints differ on the same items."""

import math
from collections.abc import Sequence

import numpy as np

from schemas.manifest import SampledScore, Score

Z95 = 1.959963984540054
RESAMPLES = 10_000


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


def mcnemar(gained: int, lost: int) -> float:
    """One-sided p-value of McNemar's exact test (McNemar 1947): were the items that changed a fair coin, how often
    would at least this many have been gained?"""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue) if gained + lost else 1.0


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


def detectable_gain(n: int, changed: int, level: float, power: float = 0.8) -> float:
    """The minimum detectable effect: the smallest true gain that McNemar's test of this level would have shown with
    this power, on n items of which as many change as changed here, or as few as could show any gain (Connor 1987,
    Biometrics 43:207); 1.0 for too few items to show one though all of them were gained."""
    from scipy.stats import norm

    if 0.5**n > level:
        return 1.0
    sure, seen = float(norm.isf(level)), float(norm.ppf(power))
    share = min(1.0, max(changed, (sure + seen) ** 2) / n)
    gain = 0.0
    for _ in range(100):  # a contraction: the gain stands on both sides
        gain = (sure * math.sqrt(share) + seen * math.sqrt(max(0.0, share - gain**2))) / math.sqrt(n)
    return min(gain, share)


def pass_at_k(right: int, samples: int, k: int) -> float:
    """Chance that at least one of k samples is right, unbiased (Chen et al. 2021, arXiv 2107.03374): of all choices
    of k among the samples drawn. Raises ValueError for fewer samples than k."""
    if not 1 <= k <= samples:
        raise ValueError(f"k = {k}: expected 1 to the {samples} samples drawn")
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)
