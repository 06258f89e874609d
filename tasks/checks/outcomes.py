"""What the checker said of pairs of canonical forms: in memory, and in a lineage's cache from round to round.

The cache only saves time: it can be deleted at any moment, and a checker of another version does not read it.
"""

import hashlib
import importlib.metadata
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.checks import verify_worker
from tasks.store.objects import create_once

CHECKER = ("math-verify", "latex2sympy2_extended", "sympy")
MAX_REMEMBERED = 500_000
SCHEMA = pa.schema([("first", pa.string()), ("second", pa.string()), ("equal", pa.bool_())])

Pair = tuple[str, str]  # canonical forms: reference, answer


class Outcome(StrEnum):
    """What a check of two answers ended in; UNDECIDED (timed out, killed, raised) is never "wrong"."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Outcomes:
    """Outcome of each pair so far; at most MAX_REMEMBERED, after which it begins anew. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[Pair, Outcome] = {}
        self._fresh: dict[Pair, bool] = {}  # decided since the last look at the lineage's cache
        self._read: set[Path] = set()
        self._lock = threading.Lock()

    def get(self, pair: Pair) -> Outcome | None:
        return self._known.get(pair)

    def add(self, pair: Pair, outcome: Outcome) -> None:
        with self._lock:
            self._make_room(1)
            self._known[pair] = outcome
            if outcome is not Outcome.UNDECIDED:  # that was this machine on this day: the next may do better
                self._fresh[pair] = outcome is Outcome.EQUAL

    @contextmanager
    def kept_in(self, cache: Path) -> Iterator[None]:
        """Know what a lineage's `cache` folder knows, and leave there what is decided meanwhile."""
        folder = cache / f"checks-{checker_version()}"
        for path in sorted(folder.glob("*.parquet")):
            if path not in self._read:
                self._read.add(path)
                self._take(path)
        try:
            yield
        finally:
            self._leave(folder)

    def _take(self, path: Path) -> None:
        try:
            columns = pq.read_table(path, schema=SCHEMA, partitioning=None).to_pydict()
        except (OSError, pa.ArrowException):  # damaged: what it held is checked again
            return
        found = {
            (first, second): Outcome.EQUAL if equal else Outcome.DIFFERENT
            for first, second, equal in zip(*(columns[name] for name in SCHEMA.names), strict=True)
        }
        with self._lock:
            self._make_room(len(found))
            self._known |= found

    def _leave(self, folder: Path) -> None:
        with self._lock:
            fresh, self._fresh = sorted(self._fresh.items()), {}
        if not fresh:
            return
        rows = [{"first": first, "second": second, "equal": equal} for (first, second), equal in fresh]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), buffer, compression="zstd")
        path = folder / f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:32]}.parquet"
        create_once(path, buffer.getvalue())  # a file of its own: two writers never meet
        self._read.add(path)

    def _make_room(self, count: int) -> None:
        if len(self._known) + count > MAX_REMEMBERED:
            self._known.clear()


@cache
def checker_version() -> str:
    """Twelve hex digits that change with the checker's libraries or with how they are asked."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in CHECKER]
    asked = Path(verify_worker.__file__).read_bytes()
    return hashlib.sha256("\n".join(versions).encode() + asked).hexdigest()[:12]
