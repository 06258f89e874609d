"""Who writes a lineage: an epoch for each writer in turn, created once, and the heart that beats beside it."""

from schemas.document import Record


class Epoch(Record):
    """lock/000007.json: created once, by the writer that takes the lineage."""

    epoch: int
    pid: int
    host: str
    machine: str
    """This boot of the machine, and the namespace that the pid counts in."""
    pid_started: str
    """When the process began, in the kernel's own ticks since boot: a number used again is another process."""
    command: str
    """What holds the lineage: run, gc, approve."""
    since: str
    """UTC, ISO 8601, by the holder's clock: for people only."""


class Beat(Record):
    """lock/000007.beat: written again and again while the holder lives."""

    number: int
    held_seconds: float
    """On the holder's monotonic clock."""
