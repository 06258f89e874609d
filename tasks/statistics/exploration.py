"""What an attempt earns for how it was found, beside whether it is right."""


def exploration(steps: int, most: int, exponent: float) -> float:
    """Of an attempt of so many steps, from 0 to 1: the share of the steps that count, to a power."""
    return float((min(steps, most) / most) ** exponent)


def blended(correct: float, explored: float, weight: float) -> float:
    """weight * correct + (1 - weight) * explored (RLSP, Ye et al. 2025, arXiv 2502.06773).

    A right attempt without a step earns `weight`, a wrong one with every step 1 - weight: so right earns more than
    wrong, whatever the steps, only for a weight above a half.
    """
    return weight * correct + (1 - weight) * explored
