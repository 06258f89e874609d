"""What a new question must be: whole, within the target, well-formed, and new."""

from collections.abc import Callable, Iterator
from functools import partial

from schemas.settings import Propose as Settings
from tasks.reading.proposals import form_rules
from tasks.rules import Row, Rows, Rule, outcome

Nearest = tuple[float | None, str | None]
"""Score and id of the known question that is most like it."""


def admission_rules(
    text: str, settings: Settings, place: int | None, nearest: Callable[[], Nearest]
) -> Iterator[Rule]:
    """`place`: how many were admitted before it; `nearest` is asked last, of what passes all else."""
    yield Rule("truncated")  # the last of a completion that had to end comes no further
    if place is not None and place >= settings.target:
        yield Rule("surplus", outcome="dropped")
    else:
        yield Rule("surplus", None if place is None else place + 1, settings.target)
    yield from form_rules(text, settings.filters)
    score, known = nearest()
    # the same words in the same order are never new, whatever stands between them
    copied = known is not None and score is not None and (score == 1.0 or score > (settings.novelty.threshold or 0.0))
    yield Rule("not_new", score, settings.novelty.threshold, outcome(copied))


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    for row in rows.get("questions", ())[:1]:
        text = row.get("question", row.get("text")) or ""  # of a refused one, what its refusal kept
        nearest = partial(_kept, row)
        yield from admission_rules(text, Settings.model_validate(settings["settings"]), row.get("position"), nearest)


def _kept(question: Row) -> Nearest:
    return question.get("nearest_score"), None  # of a refused one its refusal says it
