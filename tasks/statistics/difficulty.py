"""What a question earns its proposer: functions of p, the share of attempts at it that were right.

The table of them is REWARDS_OF; a recipe names one.
"""

import math
from collections.abc import Callable

BEST_VARIANCE = 0.25  # of right and wrong: at p = 1/2
WIDTH = 0.1


def gaussian_of_variance(p: float) -> float:
    """1 where half the attempts are right, 0.04 where all or none are (SPICE, Liu et al. 2025, arXiv 2510.24684)."""
    return math.exp(-((p * (1 - p) - BEST_VARIANCE) ** 2) / (2 * WIDTH**2))


REWARDS_OF: dict[str, Callable[[float], float]] = {"gaussian_of_variance": gaussian_of_variance}
