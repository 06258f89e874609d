"""What changes a lineage beside a run, under its lock: approving a held round, and removing garbage."""

from collections.abc import Callable
from contextlib import ExitStack

from schemas.errors import BadInput, Locked
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.store.gc import Garbage, find_garbage, lineage_names, remove_garbage
from tasks.store.lineage import Lineage, existing_store
from tasks.store.lock import hold
from tasks.store.naming import open_round
from tasks.store.records import add_record
from tasks.store.retention import can_be_approved

Note = Callable[[str], None]


def approve_round(store: str, name: str, reason: str, note: Note) -> LineageRecord:
    """Promote a round that was held awaiting approval. Raises BadInput if there is nothing to approve."""
    lineage, found = open_round(store, name)
    _check_approval(lineage, found)
    with hold(lineage.folder, "approve", note):
        lineage, found = open_round(store, name)
        _check_approval(lineage, found)
        return add_record(lineage.folder, "approve", found.round, reason)


def _check_approval(lineage: Lineage, m: Manifest) -> None:
    if not can_be_approved(lineage, m):
        awaiting = m.gate is not None and m.gate.awaiting_approval and m.decision == "held"
        why = "the champion it was compared with is no longer champion" if awaiting else f"it was {m.decision}"
        raise BadInput(f"{m.recipe}/{m.round}: nothing to approve: {why} ({m.reason})")


def collect_garbage(store: str, grace_days: float, remove_it: bool, note: Note) -> list[Garbage]:
    """What may go, and, if told to, its removal: with every lineage held, so that no run is in the way."""
    root, grace = existing_store(store), grace_days * 86400  # a folder `objects` is not ours everywhere
    found = find_garbage(root, grace)  # a store that cannot be read is refused before its locks are taken
    if not remove_it:
        return found
    with ExitStack() as held:
        names = lineage_names(root)
        for name in names:
            held.enter_context(hold(root / name, "gc", note))
        found = find_garbage(root, grace)
        if lineage_names(root) != names:
            raise Locked(f"{root}: a lineage was begun at this moment; run gc again")
        for garbage in found:
            remove_garbage(root, garbage)
    return found
