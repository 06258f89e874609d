"""Power: what a test of these items could have shown, and how many items a difference would take."""

import math


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


def items_needed(changed: float, difference: float, level: float, power: float = 0.8) -> int | None:
    """How many items McNemar's test of this level would need to show a difference with this power, were this share of
    items to change (Connor 1987): the inverse of `detectable_gain`. None for no difference."""
    from scipy.stats import norm

    if difference == 0:
        return None
    sure, seen = float(norm.isf(level)), float(norm.ppf(power))
    root = sure * math.sqrt(changed) + seen * math.sqrt(max(0.0, changed - difference**2))
    # fewer could not show it though all of them were gained
    return max(math.ceil((root / difference) ** 2), math.ceil(math.log(level) / math.log(0.5)))
