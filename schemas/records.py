"""What is said of a round after it was published: a record, added to its lineage and never edited."""

from typing import Literal

from schemas.document import Record


class LineageRecord(Record):
    """records/0001.json, 0002.json, ...: created once each, read in their order."""

    number: int
    kind: Literal["approve", "drop-weights"]
    round: int
    reason: str
    by: str
    """user@host."""
    at: str
    """UTC, ISO 8601."""
