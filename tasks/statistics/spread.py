"""How evenly choices fall on what there is to choose from."""

from collections import Counter
from collections.abc import Hashable, Iterable
from math import log


def entropy(choices: Iterable[Hashable]) -> float:
    """Shannon's entropy of the shares of each choice, in nats (Shannon 1948); 0 without any."""
    counts = Counter(choices)
    total = counts.total()
    return -sum(count / total * log(count / total) for count in counts.values()) + 0.0  # no -0.0


def largest_share(choices: Iterable[Hashable]) -> float:
    """Share of the commonest choice; 0 without any."""
    counts = Counter(choices)
    return max(counts.values(), default=0) / max(1, counts.total())
