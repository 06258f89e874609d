"""Parquet in and out: typed parts, sorted by id, with a digest that depends on the rows alone."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.manifest import TableRef
from schemas.table import Table
from tasks.store.objects import file_digest, write_whole

Row = Mapping[str, Any]


def write_part(path: Path, table: Table, rows: Sequence[Row]) -> pa.Table:
    """Write rows, sorted by id, as one whole part. Raises pyarrow's ArrowInvalid if a row breaks the schema."""
    part = pa.Table.from_pylist(list(rows), schema=table.schema).sort_by("id")
    for field in part.schema:  # pyarrow lets nulls into non-nullable columns
        assert field.nullable or part[field.name].null_count == 0, f"{table.name}.{field.name}: null"
    buffer = io.BytesIO()
    by_id = [pq.SortingColumn(0)]
    pq.write_table(part, buffer, compression="zstd", sorting_columns=by_id)
    write_whole(path, buffer.getvalue())
    return part


def read_parts(folder: Path, table: Table) -> pa.Table:
    """All parts of a table, sorted by id; an empty table if there are none."""
    parts = [pq.read_table(path, partitioning=None) for path in sorted(folder.glob("part-*.parquet"))]
    return pa.concat_tables(parts).sort_by("id") if parts else table.schema.empty_table()


def table_ref(lineage: Path, folder: Path, table: Table) -> TableRef:
    """What the manifest says of a table: rows, logical digest, and the digest of each file."""
    rows = read_parts(folder, table)
    ids = rows["id"]
    assert len(pc.unique(ids)) == len(ids), f"{folder}: two rows share an id"
    return TableRef(
        table=table.name,
        path=folder.relative_to(lineage).as_posix(),
        rows=len(rows),
        digest=logical_digest(rows),
        files={path.name: file_digest(path) for path in sorted(folder.glob("part-*.parquet"))},
    )


def logical_digest(rows: pa.Table) -> str:
    """SHA-256 of the rows as one Arrow IPC stream without metadata: equal rows in equal order, equal digest."""
    schema = pa.schema([pa.field(f.name, f.type, f.nullable) for f in rows.schema])
    plain = pa.Table.from_arrays([column.combine_chunks() for column in rows.columns], schema=schema)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(plain, max_chunksize=1 << 16)
    return hashlib.sha256(sink.getvalue()).hexdigest()
