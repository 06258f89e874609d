"""A table: its name, its columns with their meaning, and the key that makes its rows unique and sorted."""

import hashlib
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Table:
    """A typed Parquet table. Rows are sorted by `id`, which is unique."""

    name: str
    schema: pa.Schema

    @property
    def id_prefix(self) -> str:
        return self.name.rsplit("/", 1)[-1]

    def row_id(self, round: int, key: str, *parents: object) -> str:
        """`<table>-<round>-<hash of stage key, parents' ids, item index>`: the same in a rerun."""
        text = "\0".join([key, *map(str, parents)])
        return f"{self.id_prefix}-{round:04d}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    """A column whose meaning travels with the file, in the field's metadata."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


def table(name: str, *columns: pa.Field) -> Table:
    row_id = column("id", pa.string(), "<table>-<round>-<hash of stage key, parents' ids, item index>")
    return Table(name, pa.schema([row_id, *columns]))


VERIFIED = column(
    "verified",
    pa.bool_(),
    "whether this program loaded the weights that wrote it, by their digest; false: a server at a URL was asked, "
    "which only says what it serves",
    nullable=True,  # it is in the tables' digests
)
