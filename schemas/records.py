"""What is said of a round after it was published: a record, added to its lineage and never edited."""

from typing import Literal

from schemas.document import Record

RecordKind = Literal["approve", "drop-weights", "withdraw", "restore"]


class LineageRecord(Record):
    """records/0001.json, 0002.json, ...: created once each, read in their order."""

    number: int
    kind: RecordKind
    round: int
    reason: str
    by: str
    """user@host."""
    at: str
    """UTC, ISO 8601."""
    rounds: tuple[int, ...] = ()
    """Of a withdrawal: the round and all that descend from it."""
    checkpoints: tuple[str, ...] = ()
    """Of a withdrawal: digests of the weights that those rounds trained."""
    previous: str = ""
    """SHA-256 of the record before it; "" for the first."""
    seal: str = ""
    """SHA-256 of all else in the file."""
