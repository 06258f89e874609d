"""Parquet in and out: typed parts, sorted by id, with a digest that depends on the rows alone."""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.manifest import TableRef
from schemas.table import Table
from tasks.store.objects import create_once, file_digest, whole_file, write_whole

Row = Mapping[str, Any]


def write_part(path: Path, table: Table, rows: Sequence[Row], prove: Callable[[], None] = lambda: None) -> pa.Table:
    """Write rows, sorted by id, as one whole part. Raises pyarrow's ArrowInvalid if a row breaks the schema."""
    part = _typed(table, rows)
    write_whole(path, _as_bytes(part), prove)
    return part


def create_part(path: Path, table: Table, rows: Sequence[Row]) -> pa.Table:
    """The same, unless another writer was first: then the part is what that one wrote."""
    part = _typed(table, rows)
    return part if create_once(path, _as_bytes(part)) else read_part(path, table)


def _typed(table: Table, rows: Sequence[Row]) -> pa.Table:
    part = pa.Table.from_pylist(list(rows), schema=table.schema).sort_by("id")
    for field in part.schema:  # pyarrow lets nulls into non-nullable columns
        assert field.nullable or part[field.name].null_count == 0, f"{table.name}.{field.name}: null"
    return part


def _as_bytes(part: pa.Table) -> bytes:
    buffer = io.BytesIO()
    by_id = [pq.SortingColumn(0)]
    pq.write_table(part, buffer, compression="zstd", sorting_columns=by_id, write_page_checksum=True)
    return buffer.getvalue()


def read_part(path: Path, table: Table) -> pa.Table:
    """One part as it stands. Raises pyarrow's ArrowInvalid if it is torn, FileNotFoundError if it is not there."""
    part = decoded(path.read_bytes())
    if not part.schema.equals(table.schema):  # page checksums do not cover the file's footer
        raise pa.ArrowInvalid(f"{path}: not the columns of {table.name}")
    return part


def decoded(content: bytes) -> pa.Table:
    """A part's rows, whatever their columns. Raises pyarrow's ArrowInvalid if it is torn."""
    try:
        return pq.read_table(pa.BufferReader(content), partitioning=None, page_checksum_verification=True)
    except OSError as error:  # a wrong checksum; the disk has done its part
        raise pa.ArrowInvalid(str(error)) from error


def read_parts(folder: Path, table: Table) -> pa.Table:
    """All parts of a table under way, sorted by id; an empty table if there are none."""
    return _together([read_part(path, table) for path in sorted(folder.glob("part-*.parquet"))], table)


def read_table(lineage: Path, ref: TableRef, table: Table) -> pa.Table:
    """A table as a stage wrote it, sorted by id. Raises Damaged if a file of it is not what was written."""
    files = sorted(ref.files.items())
    whole = [whole_file(lineage / ref.path / name, digest) for name, digest in files]
    return _together([decoded(content) for content in whole], table)


def read_columns(lineage: Path, refs: Sequence[TableRef], table: Table, columns: list[str]) -> pa.Table:
    """Some columns of a table of all its stages, in the order of the files, without the cost of the others. Raises
    Damaged if a file of it is not what was written."""
    parts = [
        pq.ParquetFile(pa.BufferReader(whole_file(lineage / ref.path / name, digest))).read(
            columns, use_threads=False
        )
        for ref in refs
        for name, digest in sorted(ref.files.items())
    ]
    none = pa.Table.from_batches([], schema=table.schema).select(columns)  # empty_table would import pandas
    return pa.concat_tables(parts) if parts else none


def _together(parts: list[pa.Table], table: Table) -> pa.Table:
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
