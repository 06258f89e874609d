"""Records: approve, drop-weights. They are added, never edited; what a round counts for is read from them."""

import getpass
import os
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson
from pydantic import ValidationError

from schemas.errors import BadInput
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.store.objects import create_once


def read_records(lineage: Path) -> tuple[LineageRecord, ...]:
    """Every record of a lineage, oldest first."""
    folder = lineage / "records"
    paths = sorted(folder.glob("*.json")) if folder.exists() else []
    return tuple(_read(path) for path in paths)


def add_record(lineage: Path, kind: Literal["approve", "drop-weights"], round: int, reason: str) -> LineageRecord:
    """Add a record under the next free number."""
    number = len(read_records(lineage))
    while True:
        number += 1
        record = LineageRecord(
            number=number,
            kind=kind,
            round=round,
            reason=reason,
            by=f"{_user()}@{socket.gethostname()}",
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        content = orjson.dumps(record.model_dump(), option=orjson.OPT_INDENT_2)
        if create_once(lineage / "records" / f"{number:04d}.json", content):
            return record


def as_recorded(manifest: Manifest, records: Iterable[LineageRecord]) -> Manifest:
    """A manifest with the decision that its round counts for, after all that was recorded of it."""
    for record in records:
        if record.round == manifest.round and record.kind == "approve":
            approved = f"{manifest.reason}; approved by {record.by}"
            manifest = manifest.model_copy(update={"decision": "promoted", "reason": approved})
        elif record.round == manifest.round and record.kind == "drop-weights":
            manifest = manifest.model_copy(
                update={"reason": f"{manifest.reason}; weights dropped", "weights_dropped": True}
            )
    return manifest


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return str(os.getuid())


def _read(path: Path) -> LineageRecord:
    try:
        return LineageRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{path}: not a record this version can read ({error.error_count()} faults)") from error
