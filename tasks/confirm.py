"""Confirm: the sealed benchmark's word on a round that would be promoted. Choosing every night on one benchmark
overfits it; this one is read only then, and each reading is counted."""

from typing import Any

from schemas.gate import Gate as Settings
from schemas.gate import SealedResult
from schemas.manifest import ValidRows
from tasks.audit.comparison import compared, in_words, marks_of, shown
from tasks.store.draft import Draft


def confirm(
    draft: Draft,
    *,
    settings: Settings,
    champion: ValidRows,
    candidate: ValidRows,
    reason: str,
    awaiting_approval: bool,
    reads: int,
) -> dict[str, Any]:
    """The same test at the same level on the sealed items. What the gate found stands if the gain shows there too;
    else the round is held. `reads`: readings of the sealed benchmark in this lineage, with this one."""
    assert settings.sealed
    before, after = (marks_of(draft.read(given).to_pylist(), settings.sealed) for given in (champion, candidate))
    seed = draft.random_seed("confirm")
    found = compared(settings.sealed, before, after, settings.test, settings.level, seed)
    confirmed = shown(found, settings)
    said = f"{'confirmed' if confirmed else 'not confirmed'} by {settings.sealed}, reading {reads}: {in_words(found)}"
    return {
        "decision": "promoted" if confirmed and not awaiting_approval else "held",
        "reason": f"{reason}; {said}",
        "awaiting_approval": confirmed and awaiting_approval,
        "sealed": SealedResult(**found.model_dump(), reads=reads).model_dump(),
    }
