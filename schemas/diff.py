"""What `diff` says of two rounds, a and b: plain records, for the command, for scripts and for the report."""

from typing import Any

from schemas.document import Record
from schemas.manifest import Score


class Change(Record):
    """A value that differs; null where the round has none."""

    name: str
    before: Any
    after: Any


class Label(Record):
    """What the vote said of a question."""

    answer: str | None
    """In normal form; null on a tie or without valid answers."""
    votes: int
    num_attempts: int


class Flip(Record):
    """A question whose label is another one in b."""

    question: str
    before: Label
    after: Label


class Questions(Record):
    """The questions of two rounds, met by their text."""

    added: int
    """Only in b."""
    gone: int
    """Only in a."""
    both: int
    relabelled: int
    """Of both: another answer, or one where there was none, or none where there was one."""
    flips: list[Flip]
    """The relabelled, most votes first; the first FLIPS of them."""
    added_examples: list[str]
    gone_examples: list[str]


class Drift(Record):
    """How a distribution changed."""

    column: str
    meaning: str
    before: dict[str, float] | None
    """Figure -> value (n, mean, p10, median, p90), or category -> share; null if a has no rows."""
    after: dict[str, float] | None
    drift: float | None
    """Jensen-Shannon divergence, in bits: 0 alike, 1 disjoint; null if a side has no rows."""
    by_chance: float | None
    """What two samples of these sizes from one distribution would show on average."""


class PromptChange(Record):
    name: str
    lines: list[str]
    """A unified diff of the template's text."""


class ScoreChange(Record):
    name: str
    """Benchmark and role (`sums candidate`), or stage and figure (`vote precision`)."""
    before: Score | None
    after: Score | None


class Diff(Record):
    """From round a to round b."""

    a: str
    b: str
    round: list[Change]
    """Decision, parent, weights, device, seed and the like."""
    rows: list[Change]
    """Table -> rows."""
    dropped: list[Change]
    """Reason -> rows."""
    figures: list[Change]
    """Stage and figure (`propose proposed`) -> what it measured, in words."""
    questions: dict[str, Questions]
    """Table of questions -> how they met; of those that either round has."""
    columns: list[Drift]
    recipe: list[Change]
    """Dotted key of the recipe -> value."""
    prompts: list[PromptChange]
    code: list[Change]
    """Stage -> digest of its code; commit; library -> version."""
    validation: list[Change]
    """Validation -> what it found."""
    scores: list[ScoreChange]
    unread: list[str]
    """Files that could not be read: what they say is not compared."""
