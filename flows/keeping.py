"""What changes a lineage beside a run, under its lock: approving a held round, and removing garbage."""

from collections.abc import Callable
from contextlib import ExitStack

from schemas.errors import BadInput
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.store.gc import Garbage, find_garbage, lineage_names, remove
from tasks.store.lineage import Lineage, open_lineage
from tasks.store.lock import hold
from tasks.store.place import store_at
from tasks.store.records import add_record
from tasks.store.retention import can_be_approved

Note = Callable[[str], None]


def approve_round(store: str, round_id: str, reason: str, note: Note) -> LineageRecord:
    """Promote a round that was held awaiting approval. Raises BadInput if there is nothing to approve."""
    recipe, slash, number = round_id.rpartition("/")
    if not slash or not number.isdigit():
        raise BadInput(f"{round_id}: expected a round such as quickstart/3")
    _round_to_approve(open_lineage(store, recipe), round_id)
    with hold(store_at(store) / recipe, "approve", note):
        lineage = open_lineage(store, recipe)
        return add_record(lineage.folder, "approve", _round_to_approve(lineage, round_id).round, reason)


def _round_to_approve(lineage: Lineage, round_id: str) -> Manifest:
    rounds = {f"{m.recipe}/{m.round}": m for m in lineage.manifests}
    if not (found := rounds.get(round_id)):
        published = f"; its lineage has {', '.join(rounds)}" if rounds else ""
        raise BadInput(f"{round_id}: no published round of this name in {lineage.store}{published}")
    if not can_be_approved(lineage, found):
        awaiting = found.gate is not None and found.gate.awaiting_approval and found.decision == "held"
        why = "the champion it was compared with is no longer champion" if awaiting else f"it was {found.decision}"
        raise BadInput(f"{round_id}: nothing to approve: {why} ({found.reason})")
    return found


def collect_garbage(store: str, grace_days: float, remove_it: bool, note: Note) -> list[Garbage]:
    """What may go, and, if told to, its removal: with every lineage held, so that no run is in the way."""
    root, grace = store_at(store), grace_days * 86400
    if not remove_it:
        return find_garbage(root, grace)
    with ExitStack() as held:
        for name in lineage_names(root):
            held.enter_context(hold(root / name, "gc", note))
        found = find_garbage(root, grace)
        for garbage in found:
            remove(root, garbage)
    return found
