"""A table: its name, its columns with their meaning, and the key that makes its rows unique and sorted."""

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


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    """A column whose meaning travels with the file, in the field's metadata."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


def table(name: str, *columns: pa.Field) -> Table:
    row_id = column("id", pa.string(), "<table>-<round>-<hash of table, seed, label, parents' ids, index>")
    return Table(name, pa.schema([row_id, *columns]))


VERIFIED = column(
    "verified",
    pa.bool_(),
    "whether this program loaded the weights that wrote it, by their digest; false: a server at a URL was asked, "
    "which only says what it serves; null: written before this column was there",
    nullable=True,
)
