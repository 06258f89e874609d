"""What the checker said of pairs of canonical forms: in memory, and in a lineage's cache from round to round.

The cache only saves time: it can be deleted at any moment, a file that no published round names is passed over, and
a checker of another version does not read it. What stayed undecided is known until the stage ends, and to no other.
"""

import hashlib
import importlib.metadata
import io
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.answers import verify_worker
from tasks.store.caches import Cache
from tasks.store.objects import create_once

CHECKER = ("math-verify", "latex2sympy2_extended", "sympy")
MAX_REMEMBERED = 500_000
SCHEMA = pa.schema([("first", pa.string()), ("second", pa.string()), ("equal", pa.bool_())])
NO_CACHE = (OSError, ValueError, pa.ArrowException)  # what keeps a file of it from being read or written

Pair = tuple[str, str]  # canonical forms: reference, answer


class Outcome(StrEnum):
    """What a check of two answers ended in; UNDECIDED (timed out, killed, raised) is never "wrong"."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Outcomes:
    """Outcome of each pair so far; at most MAX_REMEMBERED, after which it begins anew. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[Pair, bool] = {}  # decided: equal or not
        self._fresh: dict[Pair, bool] = {}  # decided since the last look at the lineage's cache
        self._undecided: set[Pair] = set()  # by the one stage that checks now
        self._stages: Counter[int] = Counter()  # thread that is inside `kept_in` -> how deep
        self._read: set[Path] = set()
        self._lock = threading.Lock()

    def get(self, pair: Pair) -> Outcome | None:
        equal = self._known.get(pair)
        if equal is None:
            return Outcome.UNDECIDED if pair in self._undecided else None
        return Outcome.EQUAL if equal else Outcome.DIFFERENT

    def add(self, pair: Pair, outcome: Outcome) -> None:
        """Remember an outcome; an undecided one only inside `kept_in`, and only if one thread alone is there: whose
        it is cannot be told otherwise."""
        with self._lock:
            self._make_room(1)
            if outcome is not Outcome.UNDECIDED:
                self._known[pair] = self._fresh[pair] = outcome is Outcome.EQUAL
            elif len(self._stages) == 1:
                self._undecided.add(pair)

    @contextmanager
    def kept_in(self, cache: Cache | None) -> Iterator[None]:
        """Know what a lineage's `cache` knows, and leave there, in the end, what this process decided so far. Without
        one that waits for the next with one. Pairs that stay undecided are not asked again before the end of it: the
        next stage may have a quieter machine."""
        names = sorted((cache.folder / _folder()).glob("*.parquet")) if cache else []
        for path in names:
            if cache and path not in self._read and cache.is_sealed(f"{_folder()}/{path.name}"):
                self._read.add(path)
                self._take(path)
        stage = threading.get_ident()
        self._enter(stage)
        try:
            yield
        finally:
            self._exit(stage)
        if cache:
            self._leave(cache)

    def _enter(self, stage: int) -> None:
        with self._lock:
            if stage not in self._stages:
                self._undecided.clear()
            self._stages[stage] += 1

    def _exit(self, stage: int) -> None:
        with self._lock:
            self._stages[stage] -= 1
            if not self._stages[stage]:
                del self._stages[stage]
                self._undecided.clear()

    def _take(self, path: Path) -> None:
        try:
            columns = pq.read_table(pa.BufferReader(path.read_bytes()), schema=SCHEMA).to_pydict()
        except NO_CACHE:
            return
        found = {(first, second): equal for first, second, equal in zip(*columns.values(), strict=True)}
        with self._lock:
            self._make_room(len(found))
            self._known |= found

    def _leave(self, cache: Cache) -> None:
        with self._lock:
            fresh, self._fresh = sorted(self._fresh.items()), {}
        if not fresh:
            return
        rows = [{"first": first, "second": second, "equal": equal} for (first, second), equal in fresh]
        buffer = io.BytesIO()
        with suppress(*NO_CACHE):  # it would hide the stage's own error
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), buffer, compression="zstd")
            name = f"{_folder()}/{hashlib.sha256(buffer.getvalue()).hexdigest()[:32]}.parquet"
            create_once(cache.folder / name, buffer.getvalue())  # a file of its own: two writers never meet
            self._read.add(cache.folder / name)
            cache.left(name)

    def _make_room(self, count: int) -> None:
        if len(self._known) + len(self._undecided) + count > MAX_REMEMBERED:
            self._known.clear()
            self._undecided.clear()


def _folder() -> str:
    return f"checks-{checker_version()}"


@cache
def checker_version() -> str:
    """Twelve hex digits that change with the checker's libraries or with how they are asked."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in CHECKER]
    asked = Path(verify_worker.__file__).read_bytes()
    return hashlib.sha256("\n".join(versions).encode() + asked).hexdigest()[:12]
