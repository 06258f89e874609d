"""The gate: its rules in the recipe, and what it found."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.document import Record
from schemas.section import Name, Section, Share

Chance = Annotated[float, Field(gt=0, lt=1)]


class Guard(Section):
    """A benchmark that a promotion may not cost."""

    benchmark: Name
    """An unsealed benchmark of the recipe."""
    max_loss: Chance
    """A loss of accuracy as large as this must be ruled out, at the gate's level."""


class Gate(Section):
    benchmark: Name
    """The benchmark whose greedy accuracy decides."""
    test: Literal["mcnemar", "bootstrap"] = "mcnemar"
    """mcnemar: exact, on the items that changed; bootstrap: paired, on the difference; both one-sided."""
    level: Chance = 0.05
    """Chance of promoting a candidate that is no better, which the test allows."""
    min_gain: Share = 0.0
    """Smallest gain in accuracy that is worth a promotion."""
    guards: tuple[Guard, ...] = ()
    """Benchmarks on which the candidate must be shown to lose no more than it may, against the champion and against
    the base (Tango's test)."""
    min_vote_precision: Share | None = None
    """Lowest value that the 95% interval of the vote's precision on the probe may reach down to; without it, any."""
    sealed: Name | None = None
    """A sealed benchmark that must confirm the gain, by the same test and level. It is read only when a round would
    be promoted otherwise, and every reading is counted; without it, none is."""
    approval: bool = False
    """A better candidate is held until someone types `selfplay approve`; it is no rule of the comparison."""


class Comparison(Record):
    """Two checkpoints on the same items of a benchmark, greedy."""

    benchmark: str
    test: str
    n: int
    """Items decided for the champion."""
    gained: int
    """Items the candidate got right and the champion wrong."""
    lost: int
    """And the other way round; an answer of the candidate that no check could decide counts as wrong."""
    difference: float
    low: float
    high: float
    """95% interval of the difference, paired."""
    p_value: float
    detectable_gain: float = 1.0
    """The minimum detectable effect: the true gain that so many items would have shown in four of five cases, at the
    level asked for; 1.0 for too few items to show any."""


class GuardResult(Comparison):
    """Of a guard: the p-value is of a loss as large as max_loss."""

    max_loss: float
    passed: bool
    against: Literal["champion", "base"] = "champion"
    """Whom the candidate is compared with: the base too, once another is champion."""

    @property
    def whose(self) -> str:
        return " against the base" if self.against == "base" else ""


class SealedResult(Comparison):
    """The same comparison on the sealed benchmark, and how often it was read by then."""

    reads: int
    """Readings of the sealed benchmark in this lineage, this one included."""


class GateResult(Comparison):
    """The gate's comparison of candidate and champion, and what follows."""

    decision: Literal["promoted", "held"]
    reason: str
    guards: tuple[GuardResult, ...] = ()
    sealed: SealedResult | None = None
    """None if it was not read."""
    awaiting_approval: bool = False
    """Shown to be better, and held, by the recipe or by an alarm, until `selfplay approve` promotes it."""
