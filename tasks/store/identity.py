"""A row's id and its noise: what no code, settings or library version changes.

The stage's key stands in the folder's name and decides reuse; an id does not hold it. So a change of the code that
changes no row leaves every table byte for byte as it was.
"""

import hashlib

from schemas.table import Table


def row_id(table: Table, round: int, seed: int, label: str, *parents: object) -> str:
    """`<table>-<round>-<hash of table, the recipe's seed, the label of the stage's play, parents' ids, index>`."""
    text = "\0".join(map(str, (table.name, seed, label, *parents)))
    return f"{table.id_prefix}-{round:04d}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def random_seed(seed: int, round: int, *parents: object) -> int:
    """63 bits for a random choice, from the recipe's seed, the round and what is chosen for."""
    text = "\0".join(map(str, (seed, round, *parents)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
