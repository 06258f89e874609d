"""A row's id and its noise, which no code, settings or library version changes; and which rows are valid.

The stage's key stands in the folder's name and decides reuse; an id does not hold it. So a change of the code that
changes no row leaves every table byte for byte as it was.
"""

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.table import Table


def row_id(table: Table, round: int, seed: int, label: str, *parents: object) -> str:
    """`<table>-<round>-<hash of table, the recipe's seed, the label of the stage's play, parents' ids, index>`."""
    text = "\0".join(map(str, (table.name, seed, label, *parents)))
    return f"{table.id_prefix}-{round:04d}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def random_seed(seed: int, round: int, *parents: object) -> int:
    """63 bits for a random choice, from the recipe's seed, the round and what is chosen for."""
    text = "\0".join(map(str, (seed, round, *parents)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def valid(tables: Sequence[pa.Table], dropped: Sequence[pa.Table]) -> pa.Table:
    """The rows of one table of several stages, in their order, without those that were dropped; without any table,
    no rows."""
    rows = pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.string())})
    out = pa.chunked_array([chunk for each in dropped for chunk in each["id"].chunks], pa.string())
    return rows.filter(pc.invert(pc.is_in(rows["id"], out)))
