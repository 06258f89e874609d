"""Results that other tools wrote, compared."""

from schemas.gate import Comparison
from schemas.manifest import Score


class RunComparison(Comparison):
    """A run (b) against the baseline (a) on one task, by the items that both have."""

    a: str
    b: str
    scores: tuple[Score, Score]
    """Of a and b, on the items compared; what was undecided for b counts as wrong."""
    only_a: int
    only_b: int
    """Items that only one of them has."""
    left_out: int
    """Items undecided for a."""
    adjusted_p: float
    """By Holm's correction for all comparisons of the command."""
    max_loss: float | None
    """None: the test is whether b is better; else whether it loses less than this."""
    passed: bool
    items_needed: int | None
    """Items that would show the difference seen, were it the true one, with 80% power at the level that Holm's
    correction asks of the smallest p-value; None where no gain is tested, or none is seen."""
