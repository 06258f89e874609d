"""The size of a tree of variants."""


def nodes(branching: int, depth: int) -> int:
    """Below one root: b + b^2 + ... + b^d, which is (b^(d+1) - b) / (b - 1) for b > 1."""
    return sum(branching**level for level in range(1, depth + 1))
