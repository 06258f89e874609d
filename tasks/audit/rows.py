"""Rows by their id or by what they name: where a lineage keeps them. Only what holds one is read whole."""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.controls import is_control
from schemas.errors import BadInput
from schemas.manifest import Manifest, TableRef
from schemas.table import Table
from schemas.tables import TABLES
from tasks.store.lineage import Lineage, open_lineages
from tasks.store.objects import whole_file
from tasks.store.place import store_at

Row = dict[str, Any]
ROW_ID = re.compile(r"([a-z_]+)-(\d{4,9})-[0-9a-f]{20}")
BY_PREFIX = {table.id_prefix: table for table in TABLES.values()}
KEPT_BYTES = 200_000_000  # of files, packed as they are
BATCH_ROWS = 4096


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

    def home(self, row_id: str) -> tuple[Table, Manifest]:
        """The table and the round that an id names. Raises BadInput for an id that is none, or an unknown round."""
        table, number = _parsed(row_id)
        found = next((m for m in self.lineage.manifests if m.round == number), None)
        if found is None:
            raise BadInput(f"{row_id}: {self.lineage.recipe}/{number} is not a published round")
        return table, found

    def find(self, row_id: str) -> tuple[Row | None, list[Row]]:
        """A row as it stands in its table (None if it was refused before it got there), and each time it was dropped.

        Raises BadInput if there is neither.
        """
        table, m = self.home(row_id)
        row, dropped = self.by_id([row_id]).get(row_id), self._dropped(m, table.name, row_id)
        if row is None and not dropped:
            raise BadInput(f"{row_id}: no such row in {m.recipe}/{m.round}, neither kept nor dropped")
        return row, dropped

    def dropped(self, m: Manifest, ids: Sequence[str]) -> list[Row]:
        """Each time that one of these rows was dropped in a round."""
        return [row | {"round": f"{m.recipe}/{m.round}"} for row in self.where(m, "dropped", "id", ids)]

    def dropped_by_controls(self, m: Manifest, ids: Sequence[str]) -> list[Row]:
        """The same by the controls of a round."""
        found = [row for ref in m.controls.get("dropped", []) for row in self._of(ref, "id", strings(ids), None)]
        return [row | {"round": f"{m.recipe}/{m.round}"} for row in found]

    def _dropped(self, m: Manifest, table: str, row_id: str) -> list[Row]:
        """The first time for each reason: rounds that copied the row (an input, say) may drop it as well."""
        own = {ref.digest for ref in m.tables.get(table, [])}
        holders = [later for later in self.lineage.manifests if own & {r.digest for r in later.tables.get(table, [])}]
        found = [row for holder in holders or [m] for row in self.dropped(holder, [row_id])]
        return list({(row["stage"], row["reason"]): row for row in reversed(found)}.values())[::-1]

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

    def where(
        self, m: Manifest, table: str, column: str, values: Sequence[str], columns: list[str] | None = None
    ) -> list[Row]:
        """Rows of a round's table whose `column` (one of ids, or of lists of ids) is among the values, sorted by id.

        Raises Damaged if a file is not what was written.
        """
        wanted = strings(values)
        found = [row for ref in m.tables.get(table, []) for row in self._of(ref, column, wanted, columns)]
        return sorted(found, key=lambda row: str(row["id"]))

    def by_id(self, ids: Iterable[str]) -> dict[str, Row]:
        """Rows by their id, each from the round that its id names; those that are not in their table are left out."""
        homes: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row_id in dict.fromkeys(ids):
            table, m = self.home(row_id)
            homes[table.name, m.round].append(row_id)
        rounds = {m.round: m for m in self.lineage.manifests}
        return {
            row["id"]: row
            for (table_name, number), wanted in homes.items()
            for ref in rounds[number].written  # those of controls too
            if ref.table == table_name
            for row in self._of(ref, "id", strings(wanted), None)
        }

    def ids_where(self, m: Manifest, table: str, column: str, wanted: pa.Array) -> list[str]:
        """The ids alone, of any number of rows."""
        found: list[str] = []
        for ref in m.tables.get(table, []):
            for part in self._parts_of(ref):
                found += part.column("id").take(part.places(column, wanted)).to_pylist()
        return found

    def columns(self, ref: TableRef, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of all rows of a table."""
        for part in self._parts_of(ref):
            yield from zip(*(part.column(name).to_pylist() for name in names), strict=True)

    def _of(self, ref: TableRef, column: str, wanted: pa.Array, columns: list[str] | None) -> Iterator[Row]:
        for part in self._parts_of(ref):
            yield from part.rows(part.places(column, wanted).to_pylist(), columns)

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

    def rows(self, places: list[int], columns: list[str] | None) -> Iterator[Row]:
        """A batch at a time: a part may hold far more text than anyone asked for."""
        begin = taken = 0
        for batch in self._file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False) if places else ():
            end = begin + len(batch)
            until = bisect_left(places, end)
            for place in places[taken:until]:
                yield from map(_plain, batch.slice(place - begin, 1).to_pylist())
            begin, taken = end, until
            if taken == len(places):
                return


def strings(values: Iterable[str]) -> pa.Array:
    """The values as Arrow has them, without pa.array: it imports pandas, which takes half a second."""
    builder = pa.lib.StringBuilder()
    builder.append_values(list(values))
    return builder.finish()


def _parsed(row_id: str) -> tuple[Table, int]:
    found = ROW_ID.fullmatch(row_id)
    if found is None or found[1] not in BY_PREFIX:
        known = ", ".join(sorted(BY_PREFIX))
        raise BadInput(
            f"{row_id[:80] or 'an empty name'}: expected a row's id, such as questions-0001-0123456789abcdef0123; "
            f"tables are {known}"
        )
    return BY_PREFIX[found[1]], int(found[2])


def _plain(row: Row) -> Row:
    """A row as JSON has it: there is no number NaN."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


_NOTHING = pa.nulls(0, pa.string())
