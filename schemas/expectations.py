"""The data contracts: what the tables of a round declare, as a validation reads it."""

from collections.abc import Iterable

import pyarrow as pa

from schemas.document import Record
from schemas.settings import Validate
from schemas.table import Expectation, Table, expect
from schemas.tables import TABLES


class Contract(Record):
    """What a table must meet, row by row and as a whole, and which of its columns name what fails with a row."""

    table: str
    row_level: tuple[Expectation, ...]
    batch_level: tuple[Expectation, ...]
    made_of: tuple[str, ...]
    """Columns: if what they name fails, so does the row."""
    about: tuple[str, ...]
    """Those whose row fails, too, if this one does."""


def contracts(tables: Iterable[str], limits: Validate) -> tuple[Contract, ...]:
    """Of each of these tables, by the recipe's limits."""
    return tuple(_contract(TABLES[name], limits) for name in dict.fromkeys(tables))


def _contract(table: Table, limits: Validate) -> Contract:
    # the engine does not see lists: they are left to the schema
    flat = [field.name for field in table.schema if not pa.types.is_list(field.type)]
    columns = expect("ExpectTableColumnsToMatchOrderedList", column_list=flat)
    return Contract(
        table=table.name,
        row_level=table.expectations,
        batch_level=(columns, *table.whole(limits)),
        made_of=tuple(parent.column for parent in table.parents if parent.relation != "names"),
        about=tuple(parent.column for parent in table.parents if parent.relation == "about"),
    )
