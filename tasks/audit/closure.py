"""Ancestry closure: every parent that a row names exists, in its round or in one that the round was built on."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import Damaged
from schemas.manifest import TableRef
from schemas.tables import TABLES
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.figures import many
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_table


class Shelf:
    """Tables of earlier rounds, read once each."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self._read: dict[str, pa.Table | None] = {}

    def rows(self, ref: TableRef) -> pa.Table | None:
        """`id` of a table, and `question` if it has one; None if it is damaged: its own round names that."""
        if ref.path not in self._read:
            try:
                rows = read_table(self.lineage.folder, ref, TABLES[ref.table])
                self._read[ref.path] = rows.select([name for name in ("id", "question") if name in rows.column_names])
            except (Damaged, pa.ArrowException, KeyError):
                self._read[ref.path] = None
        return self._read[ref.path]

    def earlier(self, opened: Opened, *tables: str, built_on: bool) -> list[pa.Table] | None:
        """Tables of the rounds that one was built on, or of all before it; None if any is damaged."""
        m = opened.manifest
        before = [e for e in self.lineage.manifests if e.round < m.round and (not built_on or e.round in m.built_on)]
        found = [self.rows(ref) for e in before for table in tables for ref in e.tables.get(table, [])]
        return None if any(rows is None for rows in found) else [rows for rows in found if rows is not None]


def orphans(opened: Opened, shelf: Shelf) -> Iterator[Damage]:
    """Rows whose parent is gone. What a damaged table would have held is not missed: that table is named already."""
    for controls in (False, True):  # a control builds on the round's own rows, never the other way round
        for name, parent in ((table.name, parent) for table in TABLES.values() for parent in table.parents):
            refs, tables = _written(opened, name, controls), parent.tables or tuple(TABLES)
            if parent.relation == "about":  # what is said of a row may be why it was dropped
                tables = (*tables, "dropped")
            known = opened.tables(*tables, controls=controls)
            if known is None:
                continue
            what = f"a row of {' or '.join(parent.tables) or 'any table'}"
            gone = list(_unknown(opened, refs, parent.column, _ids(known), what))
            if gone:
                earlier = shelf.earlier(opened, *tables, built_on=parent.relation != "names")
                known += earlier or []
                gone = [] if earlier is None else list(_unknown(opened, refs, parent.column, _ids(known), what))
            yield from gone
        for table in TABLES.values():
            if "checkpoint" in table.schema.names:
                for ref in _written(opened, table.name, controls):
                    given = pa.array(_given(opened, ref), pa.string())
                    yield from _unknown(opened, [ref], "checkpoint", given, "weights that the stage was given")


def _written(opened: Opened, table: str, controls: bool) -> list[TableRef]:
    """A table as the round's own stages wrote it, or those of its controls."""
    own = opened.refs(table, controls=False)
    return [ref for ref in opened.refs(table, controls=True) if ref not in own] if controls else own


def _ids(tables: list[pa.Table]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for rows in tables for chunk in rows["id"].chunks], pa.string())


def _given(opened: Opened, ref: TableRef) -> set[str]:
    """Digests of all that the stage that wrote a table was given. A marker that cannot be read is named already."""
    m, key = opened.manifest, Path(ref.path).name
    for shown, of_stage in m.stages.items():
        if of_stage == key and (record := opened.lineage.stage_record(m.round, shown.split(".")[0], key)):
            return {value for value in record.inputs.values() if isinstance(value, str)}
    return set()


def _unknown(opened: Opened, refs: list[TableRef], column: str, known: pa.Array, what: str) -> Iterator[Damage]:
    for ref in refs:
        if (rows := opened.rows.get(ref.path)) is None:
            continue
        values, owners = rows[column], rows["id"]
        if pa.types.is_list(values.type):  # a row's few-shots, each with the row's id
            together = values.combine_chunks()
            owners = owners.combine_chunks().take(pc.list_parent_indices(together))
            values = pc.list_flatten(together)
        gone = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=known)))
        if count := pc.sum(gone).as_py():
            first, parent = owners.filter(gone)[0].as_py(), values.filter(gone)[0].as_py()
            found = f"gone for {many(count, 'row')}, first {first}, which names {parent}"
            yield opened.damage(ref.path, f"{column}: {what}", found, ref.table)
