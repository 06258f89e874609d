"""Records: approve, drop-weights, withdraw, restore. They are added, never edited; what a round counts for is read
from them."""

import getpass
import os
import re
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from schemas.manifest import Manifest
from schemas.records import LineageRecord, RecordKind
from tasks.store.chain import Chain, read_chain, sealed
from tasks.store.objects import create_once
from tasks.store.place import contents_of


def record_chain(lineage: Path) -> Chain[LineageRecord]:
    """Every record of a lineage, oldest first, and what is wrong with them."""
    folder = lineage / "records"
    there = [p for p in folder.iterdir() if re.fullmatch(r"[0-9]{4,5}\.json", p.name)] if folder.exists() else []
    last = max((int(path.stem) for path in there), default=0)
    found = contents_of(there)
    paths = [_path(lineage, number) for number in range(1, last + 1)]
    return read_chain({path: found.get(path) for path in paths}, LineageRecord, "record", lambda r: r.number)


def read_records(lineage: Path) -> tuple[LineageRecord, ...]:
    """Every record of a lineage, oldest first. Raises Damaged for one that is not as it was written."""
    chain = record_chain(lineage)
    for fault in chain.faults:
        fault.refuse()
    return chain.documents


def add_record(
    lineage: Path,
    kind: RecordKind,
    round: int,
    reason: str,
    rounds: Iterable[int] = (),
    checkpoints: Iterable[str] = (),
    prove: Callable[[], None] = lambda: None,
) -> LineageRecord:
    """Add a record under the next free number. `prove` raises Locked unless this writer still holds the lineage: what
    it decided by may be another's by now."""
    while True:
        chain = record_chain(lineage)
        record = LineageRecord(
            number=len(chain.digests) + 1,
            kind=kind,
            round=round,
            reason=reason,
            by=f"{_user()}@{socket.gethostname()}",
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            rounds=tuple(rounds),
            checkpoints=tuple(checkpoints),
            previous=chain.last,
        )
        prove()
        if create_once(_path(lineage, record.number), sealed(record.model_dump(mode="json"))):
            return record


def withdrawals(records: Iterable[LineageRecord]) -> dict[int, LineageRecord]:
    """Round -> the record that withdrew it, of those that no later record restored."""
    standing: dict[int, LineageRecord] = {}
    for record in records:
        if record.kind == "withdraw":
            standing[record.round] = record
        elif record.kind == "restore":
            standing.pop(record.round, None)
    return standing


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return str(os.getuid())


def as_recorded(manifests: Iterable[Manifest], records: tuple[LineageRecord, ...]) -> tuple[Manifest, ...]:
    """Manifests with the decision that each round counts for, after all that was recorded of it."""
    standing = withdrawals(records)
    return tuple(_as_recorded(m, records, standing) for m in manifests)


def _as_recorded(m: Manifest, records: Iterable[LineageRecord], standing: dict[int, LineageRecord]) -> Manifest:
    for record in records:
        if record.round == m.round and record.kind == "approve":
            m = m.model_copy(update={"decision": "promoted", "reason": f"{m.reason}; approved by {record.by}"})
        elif record.round == m.round and record.kind == "drop-weights":
            m = m.model_copy(update={"reason": f"{m.reason}; weights dropped", "weights_dropped": True})
    marked = [record for record in standing.values() if m.round in record.rounds]
    own = [record for record in marked if record.round == m.round]
    for record in own or marked[:1]:
        why = "withdrawn" if own else f"descends from {m.recipe}/{record.round}, withdrawn"
        reason = f"{why} by {record.by}: {record.reason}; it was {m.decision}: {m.reason}"
        m = m.model_copy(update={"decision": "withdrawn", "reason": reason})
    return m


def _path(lineage: Path, number: int) -> Path:
    return lineage / "records" / f"{number:04d}.json"
