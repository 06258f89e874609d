"""Rows by their id or by what they name: where a lineage keeps them. Only what holds one is read whole."""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.controls import is_control
from schemas.dropped import DROPPED
from schemas.errors import BadInput, Damaged
from schemas.manifest import Manifest, StageRecord, TableRef
from schemas.table import Parent, Table
from schemas.tables import TABLES
from tasks.store.lineage import Lineage, open_lineages
from tasks.store.objects import whole_file
from tasks.store.place import store_at

Row = dict[str, Any]
ROW_ID = re.compile(r"([a-z_]+)-(\d{4,9})-[0-9a-f]{20}")
KEPT_BYTES = 200_000_000  # of files, packed as they are
BATCH_ROWS = 4096


class Placed(NamedTuple):
    """A row, and where it stands."""

    row: Row
    ref: TableRef
    round: Manifest

    @property
    def table(self) -> Table:
        return TABLES[self.ref.table]

    @property
    def key(self) -> str:
        """Of the stage that wrote it."""
        return self.ref.path.rpartition("/")[2]

    def named(self, *relations: str, alone: bool = False) -> list[str]:
        """Ids of other rows in columns of these relations; `alone`: of columns that hold no more than one."""
        found: list[str] = []
        for parent in self.table.parents:
            if parent.relation in relations and not (alone and parent.several):
                value = self.row[parent.column]
                found += value or () if parent.several else [value] if value else ()
        return found


def edges() -> Iterator[tuple[Table, Parent]]:
    """Every column that says what a row is made of or about, in the order of the tables."""
    return ((table, parent) for table in TABLES.values() for parent in table.edges)


def open_row(store: Path | str, name: str) -> tuple[Lineage, str]:
    """The lineage a row is in, and its id. `name`: the id, or recipe/id where several recipes have such a row.

    Raises BadInput for a name that is none, a round that is not published, or an id that several recipes have.
    """
    recipe, _, row_id = name.strip().rpartition("/")
    _, number = _parsed(row_id)
    lineages = [found for found in open_lineages(store) if recipe in ("", found.recipe)]
    having = [lineage for lineage in lineages if any(m.round == number for m in lineage.manifests)]
    if not having:
        of = f" of {recipe[:80]}" if recipe else ""
        raise BadInput(f"{name[:80]}: no published round {number}{of} in {store_at(store)}")
    if len(having) > 1:  # the same data, or the same recipe under two names, give the same ids
        having = [lineage for lineage in having if _holds(lineage, row_id)] or having[:1]
    if len(having) > 1:
        raise BadInput(
            f"{row_id}: of which recipe? one of {', '.join(f'{found.recipe}/{row_id}' for found in having)}"
        )
    return having[0], row_id


def _holds(lineage: Lineage, row_id: str) -> bool:
    try:
        Rows(lineage).find(row_id)
    except BadInput:
        return False
    return True


class Rows:
    """The rows of a lineage. Files are read whole, proved by their digest, and kept for the next question up to a
    bound: whoever explains many rows of a round keeps one of these."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self._parts: dict[str, _Part] = {}
        self._records: dict[tuple[int, str], StageRecord | None] = {}

    def home(self, row_id: str) -> tuple[Table, Manifest]:
        """The table and the round that an id names. Raises BadInput for an id that is none, or an unknown round."""
        table, number = _parsed(row_id)
        found = next((m for m in self.lineage.manifests if m.round == number), None)
        if found is None:
            raise BadInput(f"{row_id}: {self.lineage.recipe}/{number} is not a published round")
        return table, found

    def find(self, row_id: str) -> tuple[Placed | None, list[Placed]]:
        """A row as it stands in its table (None if it was refused before it got there), and each time it was dropped.

        Raises BadInput if there is neither.
        """
        table, m = self.home(row_id)
        row, dropped = self.by_id([row_id]).get(row_id), self._dropped(m, table.name, row_id)
        if row is None and not dropped:
            raise BadInput(f"{row_id}: no such row in {m.recipe}/{m.round}, neither kept nor dropped")
        return row, dropped

    def dropped(self, m: Manifest, ids: Iterable[str], column: str = "id", controls: bool = False) -> list[Placed]:
        """Each time that one of these rows was dropped in a round, or, with `parents`, one that was made of them;
        with `controls`, by its controls."""
        return self.naming(m, DROPPED.name, column, list(ids), controls)

    def _dropped(self, m: Manifest, table: str, row_id: str) -> list[Placed]:
        """The first time for each reason: rounds that copied the row (an input, say) may drop it as well."""
        own = {ref.digest for ref in m.tables.get(table, [])}
        holders = [later for later in self.lineage.manifests if own & {r.digest for r in later.tables.get(table, [])}]
        found = [placed for holder in holders or [m] for placed in self.dropped(holder, [row_id])]
        return list({(each.row["stage"], each.row["reason"]): each for each in reversed(found)}.values())[::-1]

    def control_of(self, row_id: str) -> str:
        """The stage of a control that wrote a row, such as `train.control-seeds`; "" for the round's own rows."""
        table, m = self.home(row_id)
        own, wanted = m.tables.get(table.name, []), strings([row_id])
        wrote = {
            ref.path.rpartition("/")[2]
            for ref in m.controls.get(table.name, [])
            if ref not in own and any(len(part.places("id", wanted)) for part in self._parts_of(ref))
        }
        return next((shown for shown, key in m.stages.items() if key in wrote and is_control(shown)), "")

    def naming(
        self, m: Manifest, table: str, column: str, ids: Sequence[str], controls: bool = False
    ) -> list[Placed]:
        """Rows of a round's table whose `column` (one of ids, or of lists of ids) is among these, sorted by id; with
        `controls`, those of its controls alone.

        Raises Damaged if a file is not what was written.
        """
        refs, wanted = (m.controls if controls else m.tables).get(table, []), strings(ids)
        found = [Placed(row, ref, m) for ref in refs for row in self._of(ref, column, wanted)]
        return sorted(found, key=lambda placed: str(placed.row["id"]))

    def by_id(self, ids: Iterable[str]) -> dict[str, Placed]:
        """Rows by their id, each from the round that its id names; those that are not in their table are left out."""
        homes: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row_id in dict.fromkeys(ids):
            table, m = self.home(row_id)
            homes[table.name, m.round].append(row_id)
        rounds = {m.round: m for m in self.lineage.manifests}
        return {
            row["id"]: Placed(row, ref, rounds[number])
            for (table_name, number), wanted in homes.items()
            for ref in rounds[number].written  # those of controls too
            if ref.table == table_name
            for row in self._of(ref, "id", strings(wanted))
        }

    def record(self, m: Manifest, shown: str) -> StageRecord | None:
        """The marker of a stage as it was played; None if it is gone, or not readable."""
        key = m.stages[shown]
        if (m.round, key) not in self._records:
            self._records[m.round, key] = None
            with suppress(Damaged):
                self._records[m.round, key] = self.lineage.stage_record(m.round, shown.partition(".")[0], key)
        return self._records[m.round, key]

    def values(self, ref: TableRef, name: str, column: str = "", wanted: pa.Array | None = None) -> list[Any]:
        """A column of a table: of any number of rows, or of those whose `column` is among the wanted."""
        found: list[Any] = []
        for part in self._parts_of(ref):
            values = part.column(name)
            found += (values if wanted is None else values.take(part.places(column, wanted))).to_pylist()
        return found

    def _of(self, ref: TableRef, column: str, wanted: pa.Array) -> Iterator[Row]:
        for part in self._parts_of(ref) if len(wanted) else ():
            yield from part.rows(part.places(column, wanted).to_pylist())

    def _parts_of(self, ref: TableRef) -> Iterator["_Part"]:
        for name, digest in sorted(ref.files.items()):
            if digest not in self._parts:
                if sum(part.size for part in self._parts.values()) > KEPT_BYTES:
                    self._parts.clear()
                self._parts[digest] = _Part(whole_file(self.lineage.folder / ref.path / name, digest))
            yield self._parts[digest]


class _Part:
    """One Parquet file in memory, packed, and its columns of ids once asked for."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._file = pq.ParquetFile(pa.BufferReader(content))
        self._columns: dict[str, pa.Array] = {}
        self._batches: list[pa.RecordBatch] = []
        """All of a small file's rows, once one was asked for."""

    def column(self, name: str) -> pa.Array:
        if name not in self._columns:
            chunks = self._file.read(columns=[name], use_threads=False).column(0).chunks
            self._columns[name] = pa.concat_arrays(chunks) if chunks else _NOTHING
            self.size += self._columns[name].nbytes
        return self._columns[name]

    def places(self, name: str, wanted: pa.Array) -> pa.Array:
        """Numbers of the rows whose value, or one of whose values, is among the wanted; in order, each once."""
        column = self.column(name)
        if not pa.types.is_list(column.type):
            return pc.indices_nonzero(pc.is_in(column, value_set=wanted))
        named = pc.is_in(pc.list_flatten(column), value_set=wanted)
        return pc.unique(pc.filter(pc.list_parent_indices(column), named))

    def rows(self, places: list[int]) -> Iterator[Row]:
        """A batch at a time: a part may hold far more text than anyone asked for."""
        begin = taken = 0
        for batch in self._unpacked() if places else ():
            end = begin + len(batch)
            until = bisect_left(places, end)
            for place in places[taken:until]:
                yield from map(_plain, batch.slice(place - begin, 1).to_pylist())
            begin, taken = end, until
            if taken == len(places):
                return

    def _unpacked(self) -> Iterable[pa.RecordBatch]:
        batches = self._batches or self._file.iter_batches(BATCH_ROWS, use_threads=False)
        if self._batches or self._file.metadata.num_rows > BATCH_ROWS:
            return batches
        self._batches = [*batches]
        self.size += sum(batch.nbytes for batch in self._batches)
        return self._batches


def strings(values: Iterable[str]) -> pa.Array:
    """The values as Arrow has them, without pa.array: it imports pandas, which takes half a second."""
    builder = pa.lib.StringBuilder()
    builder.append_values(list(values))
    return builder.finish()


def _parsed(row_id: str) -> tuple[Table, int]:
    found, tables = ROW_ID.fullmatch(row_id), {table.id_prefix: table for table in TABLES.values()}
    if found is None or found[1] not in tables:
        raise BadInput(
            f"{row_id[:80] or 'an empty name'}: expected a row's id, such as questions-0001-0123456789abcdef0123; "
            "docs/store.md lists the tables"
        )
    return tables[found[1]], int(found[2])


def _plain(row: Row) -> Row:
    """A row as JSON has it: there is no number NaN."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


_NOTHING = pa.nulls(0, pa.string())
