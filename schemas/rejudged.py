"""What `rejudge` says of a round: what flips if its attempts are read by the code and the recipe of now."""

from typing import Literal

from schemas.diff import Label
from schemas.document import Record
from schemas.manifest import Score


class Reading(Record):
    """What was read from an attempt; null where the round's code kept no such column."""

    text: str | None
    form: str | None
    """Its normal form."""
    source: str | None
    """Where it stood."""
    voted: bool | None


class AnswerFlip(Record):
    attempt_id: str
    question_id: str
    differs: Literal["text", "vote", "form", "source"]
    """The first of these that does."""
    before: Reading
    after: Reading


class LabelFlip(Record):
    question_id: str
    question: str
    change: Literal["changed", "lost", "gained", "respelled"]
    """respelled: the same answer by the checker of now, in another form."""
    before: Label
    after: Label


class ProbeFlip(Record):
    question_id: str
    question: str
    reference: str
    before: Label
    after: Label
    was_right: bool | None
    is_right: bool | None
    """Null without a label, or if undecided."""


class SelectionFlip(Record):
    question_id: str
    question: str
    before: str
    """selected, or the reason it was dropped for."""
    after: str


class Rejudged(Record):
    """A round beside its own attempts read anew: all plays of judge in it, those of controls left out."""

    round_id: str
    recipe: str
    """Whose [vote], [answers] and [select] were taken."""
    attempts: int
    unread: int
    """Attempts whose answers the round has, and whose text it has not."""
    rewards: int
    """Rewards that differ."""
    answers: list[AnswerFlip]
    questions: int
    labels: list[LabelFlip]
    undecided: int
    """Checks that came to no outcome now."""
    selected_before: int
    selected_after: int
    selections: list[SelectionFlip]
    precision_before: Score | None
    """Of the vote, on the probe; null where the round has no marks."""
    precision_after: Score | None
    probe: list[ProbeFlip]
