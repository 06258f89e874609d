"""What a question earns its proposer: functions of p, the share of attempts at it that were right (or agreed).

The tables of them are REWARDS_OF and, of those that also ask how few other questions resemble it, DIVERSE_REWARDS_OF,
and of those that ask how many attempts were planned, COUNTED_REWARDS_OF; a recipe names one.
"""

import math
from collections.abc import Callable

BEST_VARIANCE = 0.25  # of right and wrong: at p = 1/2
WIDTH = 0.1
LOWEST, HIGHEST = 0.5, 0.9  # share of right attempts that pays at all


def gaussian_of_variance(p: float) -> float:
    """1 where half the attempts are right, 0.04 where all or none are (SPICE, Liu et al. 2025, arXiv 2510.24684)."""
    return math.exp(-((p * (1 - p) - BEST_VARIANCE) ** 2) / (2 * WIDTH**2))


def neither_all_nor_none(p: float) -> float:
    """1 where some attempts are right and some are not (SQLM, Chen et al. 2025, arXiv 2508.03682)."""
    return float(0 < p < 1)


def rarer_outcome(p: float) -> float:
    """min(p, 1 - p): a half at most (R-Zero, Huang et al. 2025, arXiv 2508.05004)."""
    return min(p, 1 - p)


def failure(p: float) -> float:
    """1 - p, but 0 where no attempt is right (Absolute Zero, Zhao et al. 2025, arXiv 2505.03335)."""
    return 1 - p if p > 0 else 0.0


def wrong_share(p: float) -> float:
    """1 - p: what the solver loses, the proposer wins (Language Self-Play, Kuba et al. 2025, arXiv 2509.07414)."""
    return 1 - p


def hard_and_diverse(p: float, diversity: float) -> float:
    """1.1 - p + 0.2 diversity, but 0 up to p = 0.2 and up to diversity = 0.3 (PasoDoble, arXiv 2511.11881)."""
    return 0.0 if p <= 0.2 or diversity <= 0.3 else 1.1 - p + 0.2 * diversity


def tent(p: float, attempts: int) -> float:
    """1 at p = 0.7, falling in a line to either end, 0 beyond; the ends have one over the number of shares that so
    many attempts can reach between them (OpenSIR, Kwan et al. 2025, arXiv 2511.00602)."""
    if not LOWEST <= p <= HIGHEST:
        return 0.0
    edge = 1 / sum(LOWEST <= votes / attempts <= HIGHEST for votes in range(attempts + 1))
    half = (HIGHEST - LOWEST) / 2
    return 1 - (1 - edge) * abs(p - LOWEST - half) / half


REWARDS_OF: dict[str, Callable[[float], float]] = {
    each.__name__: each for each in (gaussian_of_variance, neither_all_nor_none, rarer_outcome, failure, wrong_share)
}
DIVERSE_REWARDS_OF: dict[str, Callable[[float, float], float]] = {hard_and_diverse.__name__: hard_and_diverse}
COUNTED_REWARDS_OF: dict[str, Callable[[float, int], float]] = {tent.__name__: tent}
