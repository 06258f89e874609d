"""What changes a lineage beside a run, under its lock: approving a held round, taking a round back or restoring it,
and removing garbage."""

from collections.abc import Callable
from contextlib import ExitStack

from schemas.errors import BadInput, Locked
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.store.descent import descendants
from tasks.store.gc import Garbage, find_garbage, lineage_names, remove_garbage
from tasks.store.lineage import Lineage, existing_store
from tasks.store.lock import hold
from tasks.store.naming import open_round
from tasks.store.records import add_record, withdrawals
from tasks.store.retention import can_be_approved

Note = Callable[[str], None]


def approve_round(store: str, name: str, reason: str, note: Note) -> LineageRecord:
    """Promote a round that was held awaiting approval. Raises BadInput if there is nothing to approve."""
    _check_text(reason)
    lineage, found = open_round(store, name)
    _check_approval(lineage, found)
    with hold(lineage.folder, "approve", note) as lock:
        lineage, found = open_round(store, name)
        _check_approval(lineage, found)
        return add_record(lineage.folder, "approve", found.round, reason, prove=lock.prove)


def _check_approval(lineage: Lineage, m: Manifest) -> None:
    if not can_be_approved(lineage, m):
        awaiting = m.gate is not None and m.gate.awaiting_approval and m.decision == "held"
        why = "the champion it was compared with is no longer champion" if awaiting else f"it was {m.decision}"
        raise BadInput(f"{m.recipe}/{m.round}: nothing to approve: {why} ({m.reason})")


def withdraw_round(store: str, name: str, reason: str, note: Note) -> LineageRecord:
    """Take a round back, and all that descend from it. Raises BadInput if it was taken back already."""
    lineage, found = open_round(store, name)
    _check_withdrawal(lineage, found, reason)
    with hold(lineage.folder, "withdraw", note) as lock:
        lineage, found = open_round(store, name)
        _check_withdrawal(lineage, found, reason)
        marked = [found, *descendants(lineage.manifests, found.round)]
        checkpoints = dict.fromkeys(ref.digest for m in marked for ref in m.trained)
        rounds = [m.round for m in marked]
        return add_record(lineage.folder, "withdraw", found.round, reason, rounds, checkpoints, lock.prove)


def restore_round(store: str, name: str, reason: str, note: Note) -> LineageRecord:
    """Undo a withdrawal, for its round and what descends from it. Raises BadInput if the round was not withdrawn."""
    lineage, found = open_round(store, name)
    _check_restoration(lineage, found, reason)
    with hold(lineage.folder, "restore", note) as lock:
        lineage, found = open_round(store, name)
        _check_restoration(lineage, found, reason)
        return add_record(lineage.folder, "restore", found.round, reason, prove=lock.prove)


def _check_withdrawal(lineage: Lineage, m: Manifest, reason: str) -> None:
    _check_reason(reason)
    if record := withdrawals(lineage.records).get(m.round):
        raise BadInput(f"{m.recipe}/{m.round}: withdrawn already, by record {record.number} ({record.reason})")


def _check_restoration(lineage: Lineage, m: Manifest, reason: str) -> None:
    _check_reason(reason)
    standing = withdrawals(lineage.records)
    if m.round not in standing:
        above = [f"{m.recipe}/{number}" for number, record in standing.items() if m.round in record.rounds]
        hint = f"it descends from {' and '.join(above)}: restore that" if above else f"it is {m.decision}"
        raise BadInput(f"{m.recipe}/{m.round}: nothing to restore: it was not withdrawn itself; {hint}")


def _check_reason(reason: str) -> None:
    """Raises BadInput for a reason that nobody could read later."""
    if not reason.strip():
        raise BadInput("--reason: say why; it is kept in the record")
    _check_text(reason)


def _check_text(reason: str) -> None:
    if not reason.isprintable():
        raise BadInput("--reason: one line of printable text, in the terminal's encoding")


def collect_garbage(store: str, grace_days: float, remove_it: bool, note: Note) -> list[Garbage]:
    """What may go, and, if told to, its removal: with every lineage held, so that no run is in the way."""
    root, grace = existing_store(store), grace_days * 86400  # a folder `objects` is not ours everywhere
    found = find_garbage(root, grace)  # a store that cannot be read is refused before its locks are taken
    if not remove_it:
        return found
    with ExitStack() as held:
        names = lineage_names(root)
        locks = [held.enter_context(hold(root / name, "gc", note)) for name in names]

        def prove() -> None:
            for lock in locks:
                lock.prove()

        found = find_garbage(root, grace)
        if lineage_names(root) != names:
            raise Locked(f"{root}: a lineage was begun at this moment; run gc again")
        for garbage in found:
            remove_garbage(root, garbage, prove)
    return found
