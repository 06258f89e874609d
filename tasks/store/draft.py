"""A draft: what a stage writes before it is whole. Parts that are there already are not made again."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from schemas.dropped import DROPPED
from schemas.engines import LOCAL, Executor
from schemas.manifest import CheckpointRef, TableRef, Teacher, ValidRows
from schemas.table import Table
from schemas.tables import TABLES
from tasks.store.caches import Cache
from tasks.store.identity import random_seed, row_id, valid
from tasks.store.lineage import Lineage
from tasks.store.objects import create_once, write_whole
from tasks.store.parquet import create_part, read_part, read_parts, read_table, table_ref, write_part
from tasks.store.place import local_twin
from tasks.store.readings import note_reading

SERVER = "server.json"
Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass
class Draft:
    """One stage's place in a round: it reads its inputs here, writes its tables here, and says how far it is."""

    lineage: Lineage
    round: int
    stage: str
    key: str
    seed: int
    """The recipe's seed."""
    label: str = ""
    """What tells this play of the stage from others of its round, such as `candidate`."""
    report: Callable[[int, int, str], None] = lambda done, total, unit: None
    """Called with (done, total, unit) as the stage goes."""
    spend: Callable[[int], None] = lambda tokens: None
    """Counts generated tokens against the recipe's budget."""
    go_on: Callable[[], None] = lambda: None
    """Called before each part is made: raises BudgetSpent at the recipe's bound."""
    prove: Callable[[], None] = lambda: None
    """Called before anything is written: raises Locked if another writer took the lineage over."""
    hand_over: Callable[[list[Row]], None] = lambda rows: None
    """Called with the rows of each part as soon as it is whole: what works beside the stage takes them."""
    resumed: Callable[[str], None] = lambda place: None
    """Called with the place, such as "shard 3 of 12", at which the stage goes on after an earlier run."""
    executor: Executor = LOCAL
    """Where the stage's shards are worked on. It is in no key: what is written stays the same."""
    caches: dict[str, str] = field(default_factory=dict)
    """Files that the stage left in the lineage's cache, with their SHA-256."""
    tokens: int = 0
    written: set[str] = field(default_factory=set)
    _found_parts: int = 0
    _told: bool = False

    @property
    def folder(self) -> Path:
        return self.lineage.round_folder(self.round)

    @property
    def kept(self) -> Path:
        """Where a stage keeps what it would resume from beside its parts, until it is whole: training, mostly."""
        return self.folder / "training" / self.key

    @property
    def cache(self) -> Cache:
        return Cache(self.lineage.cache, self.lineage.sealed_caches, self.caches.__setitem__)

    @property
    def scratch(self) -> Path:
        """Where training works, on this machine: the same place, if the store is on a disk."""
        return local_twin(self.kept)

    def read(self, ref: TableRef | ValidRows) -> pa.Table:
        """Rows of an input table, sorted by id in each. Raises Damaged if a file is not what was written."""
        if isinstance(ref, TableRef):
            return read_table(self.lineage.folder, ref, TABLES[ref.table])
        return valid([self.read(each) for each in ref.tables], [self.read(each) for each in ref.dropped])

    def checkpoint(self, ref: CheckpointRef) -> Path:
        """Folder of an input checkpoint."""
        return self.lineage.checkpoint_folder(ref)

    def note_reading(self, benchmark: str, model: CheckpointRef | Teacher) -> None:
        """Count a reading of a sealed benchmark, before its first answer, whatever becomes of the round."""
        self.prove()
        note_reading(self.lineage.folder, benchmark, model.digest, self.round)

    def note_server(self, told: dict[str, Any]) -> dict[str, Any]:
        """Keep, until the stage is whole, what a server said of its model when the first shard was begun; that is
        returned. Where there is no shard yet, what it says now counts."""
        path = self.kept / SERVER
        self.prove()
        if create_once(path, orjson.dumps(told)):
            return told
        if not any(self.folder.glob(f"*/{self.key}/part-*.parquet")):
            write_whole(path, orjson.dumps(told), self.prove)
        return self.server

    @property
    def server(self) -> dict[str, Any]:
        """What was noted; empty where no server was asked."""
        try:
            found: dict[str, Any] = orjson.loads((self.kept / SERVER).read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def write(self, table: Table, rows: Rows, part: int = 0) -> pa.Table:
        """Write one part of an output table, whole; an earlier run's is replaced."""
        self.written.add(table.name)
        return write_part(self._part(table, part), table, rows, self.prove)

    def part(self, table: Table, part: int, make: Callable[[], Rows], of: int | None = None) -> list[Row]:
        """The rows of one part (a shard, one of so many): read if it is whole already, else made and written."""
        return self.parts((table,), part, lambda: (make(),), of)[0]

    def parts(
        self,
        tables: Sequence[Table],
        part: int,
        make: Callable[[], Sequence[Rows]],
        of: int | None = None,
    ) -> list[list[Row]]:
        """The same for a shard with rows in several tables: it is whole when its part of the last one is there. A
        shard that drops nothing has no part of `dropped`."""
        rows = self.found(tables, part)
        if not rows:
            self.begin(part, of)
            rows = self.keep(tables, part, make())
        return rows

    def found(self, tables: Sequence[Table], part: int) -> list[list[Row]]:
        """A shard's rows, if an earlier run left it whole."""
        if rows := self._found(tables, part):
            self._note(tables, rows)
            self._found_parts += 1
            self.tokens += _tokens(rows[-1])  # generated for this stage, by an earlier run
            self.hand_over(rows[-1])
        return rows

    def begin(self, part: int, of: int | None = None) -> None:
        """Before a shard is made: raises BudgetSpent at the recipe's bound."""
        if self._found_parts and not self._told:
            self.resumed(f"shard {part + 1} of {of}" if of else f"shard {part + 1}")
            self._told = True
        self.go_on()

    def keep(self, tables: Sequence[Table], part: int, made: Sequence[Rows]) -> list[list[Row]]:
        """Write a shard that was made, and count its tokens."""
        self.prove()
        new = zip(tables, made, strict=True)
        rows = [
            create_part(self._part(table, part), table, each).to_pylist() if each or table is not DROPPED else []
            for table, each in new
        ]
        self._note(tables, rows)
        self.tokens += _tokens(rows[-1])
        self.spend(_tokens(rows[-1]))
        self.hand_over(rows[-1])
        return rows

    def _note(self, tables: Sequence[Table], rows: list[list[Row]]) -> None:
        self.written.update(t.name for t, of_table in zip(tables, rows, strict=True) if of_table or t is not DROPPED)

    def _found(self, tables: Sequence[Table], part: int) -> list[list[Row]]:
        """A shard's rows, if it is whole. What there is of one that is torn goes: it is made again."""
        paths = [self._part(table, part) for table in tables]
        try:  # the last first: without it there is nothing
            return [self._rows_of(table, part) for table in reversed(tables)][::-1]
        except FileNotFoundError:
            torn = paths[:-1]
        except pa.ArrowInvalid:
            torn = paths
        for path in reversed(torn):
            self.prove()
            path.unlink(missing_ok=True)
        return []

    def _rows_of(self, table: Table, part: int) -> list[Row]:
        try:
            rows: list[Row] = read_part(self._part(table, part), table).to_pylist()
        except FileNotFoundError:
            if table is not DROPPED:
                raise
            rows = []
        return rows

    def elsewhere(self) -> "Draft":
        """What names this draft's rows in another process: it reports to nobody."""
        lineage = Lineage(self.lineage.store, self.lineage.recipe, ())
        return Draft(lineage, self.round, self.stage, self.key, self.seed, self.label)

    def refused(
        self,
        row_id: str,
        table: Table | str,
        reason: str,
        figure: float | None = None,
        threshold: float | None = None,
        text: str | None = None,
        parents: Sequence[str] = (),
    ) -> dict[str, Any]:
        """A row of `dropped`: what this stage did not keep, under its own id, and why.

        `parents`: what it was made of, if it was never written, so that no table of its own says it.
        """
        name = table if isinstance(table, str) else table.name
        return {"id": row_id, "table": name, "stage": self.stage, "reason": reason} | {
            "figure": figure,
            "threshold": threshold,
            "text": text,
            "parents": list(parents) or None,
        }

    def row_id(self, table: Table, *parents: object) -> str:
        """The id of a row that this stage writes: the same in a rerun, whatever changed of the code."""
        return row_id(table, self.round, self.seed, self.label, *parents)

    def random_seed(self, *parents: object) -> int:
        """63 bits for a random choice, from the recipe's seed, the round and what is chosen for."""
        return random_seed(self.seed, self.round, *parents)

    def tables(self) -> dict[str, TableRef]:
        """What was written: every table, by name."""
        return {
            name: table_ref(self.lineage.folder, self._part(TABLES[name], 0).parent, TABLES[name])
            for name in sorted(self.written)
        }

    def so_far(self, table: Table, *columns: str) -> list[Row]:
        """Columns of what was written of a table."""
        found: list[Row] = read_parts(self._part(table, 0).parent, table).select(list(columns)).to_pylist()
        return found

    def dropped(self) -> dict[str, int]:
        """Reason -> rows dropped by this stage."""
        if "dropped" not in self.written:
            return {}
        return dict(sorted(Counter(row["reason"] for row in self.so_far(DROPPED, "reason")).items()))

    def _part(self, table: Table, part: int) -> Path:
        assert re.fullmatch(r"[0-9a-f]{32}", self.key)
        return self.folder / table.name / self.key / f"part-{part:04d}.parquet"


def _tokens(rows: list[Row]) -> int:
    return sum(row.get("num_tokens") or 0 for row in rows)
