"""A draft: what a stage writes before it is whole. Parts that are there already are not made again."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.manifest import CheckpointRef, TableRef
from schemas.table import Table
from schemas.tables import TABLES
from tasks.store.lineage import Lineage
from tasks.store.parquet import Row, read_parts, table_ref, write_part


@dataclass
class Draft:
    """One stage's place in a round: it reads its inputs here, writes its tables here, and says how far it is."""

    lineage: Lineage
    round: int
    stage: str
    key: str
    seed: int
    """The recipe's seed; the round is in the rows' ids already."""
    report: Callable[[int, int, str], None] = lambda done, total, unit: None
    """Called with (done, total, unit) as the stage goes."""
    spend: Callable[[int], None] = lambda tokens: None
    """Counts generated tokens against the recipe's budget."""
    go_on: Callable[[], None] = lambda: None
    """Called before each part is made: raises BudgetSpent at the recipe's bound."""
    hand_over: Callable[[list[dict[str, Any]]], None] = lambda rows: None
    """Called with the rows of each part as soon as it is whole: what works beside the stage takes them."""
    tokens: int = 0
    written: set[str] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        return self.lineage.round_folder(self.round)

    def read(self, ref: TableRef) -> pa.Table:
        """Rows of an input table, sorted by id."""
        return read_parts(self.lineage.folder / ref.path, TABLES[ref.table])

    def checkpoint(self, ref: CheckpointRef) -> Path:
        """Folder of an input checkpoint."""
        return self.lineage.checkpoint_folder(ref)

    def write(self, table: Table, rows: Sequence[Row], part: int = 0) -> pa.Table:
        """Write one part of an output table, whole."""
        self.written.add(table.name)
        return write_part(self._part(table, part), table, rows)

    def part(self, table: Table, part: int, make: Callable[[], Sequence[Row]]) -> list[dict[str, Any]]:
        """The rows of one part (a shard): read if it is whole already, else made and written."""
        path = self._part(table, part)
        if path.exists():
            self.written.add(table.name)
            rows: list[dict[str, Any]] = pa.parquet.read_table(path, partitioning=None).to_pylist()
            self.tokens += sum(row["num_tokens"] for row in rows)  # generated for this stage, if by an earlier run
        else:
            self.go_on()
            rows = self.write(table, make(), part).to_pylist()
        self.hand_over(rows)
        return rows

    def refused(
        self,
        row_id: str,
        table: Table | str,
        reason: str,
        figure: float | None = None,
        threshold: float | None = None,
        text: str | None = None,
    ) -> dict[str, Any]:
        """A row of `dropped`: what this stage did not keep, under its own id, and why."""
        name = table if isinstance(table, str) else table.name
        return {"id": row_id, "table": name, "stage": self.stage, "reason": reason} | {
            "figure": figure,
            "threshold": threshold,
            "text": text,
        }

    def generated(self, tokens: int) -> None:
        """Count tokens the engine generated for this stage."""
        self.tokens += tokens
        self.spend(tokens)

    def row_id(self, table: Table, *parents: object) -> str:
        """`<table>-<round>-<hash of stage key, parents' ids, item index>`: the same in a rerun."""
        text = "\0".join([self.key, *map(str, parents)])
        return f"{table.id_prefix}-{self.round:04d}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"

    def random_seed(self, *parents: object) -> int:
        """63 bits for a random choice, from the recipe's seed, the round and what is chosen for."""
        text = "\0".join(map(str, (self.seed, self.round, *parents)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1

    def tables(self) -> dict[str, TableRef]:
        """What was written: every table, by name."""
        return {
            name: table_ref(self.lineage.folder, self._part(TABLES[name], 0).parent, TABLES[name])
            for name in sorted(self.written)
        }

    def dropped(self) -> dict[str, int]:
        """Reason -> rows dropped by this stage."""
        if "dropped" not in self.written:
            return {}
        reasons = read_parts(self._part(TABLES["dropped"], 0).parent, TABLES["dropped"])["reason"]
        return dict(sorted(Counter(reasons.to_pylist()).items()))

    def _part(self, table: Table, part: int) -> Path:
        assert re.fullmatch(r"[0-9a-f]{32}", self.key)
        return self.folder / table.name / self.key / f"part-{part:04d}.parquet"
