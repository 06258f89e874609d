"""Mixing: rows from elsewhere among a round's own, by share. Plain functions of rows."""

import hashlib
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def counts(own: int, *shares: float) -> list[int]:
    """How many rows of each kind give it its share of all rows, beside so many own ones."""
    total = own / (1 - sum(shares))
    return [round(total * share) for share in shares]


def drawn(rows: Sequence[Row], count: int, seed: int) -> list[tuple[Row, int]]:
    """So many rows, each with how often it was drawn before: in an order that the seed decides, from the beginning
    again where they do not suffice. No rows give none."""
    order = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}\0{row['id']}".encode()).digest())
    return [(order[i % len(order)], i // len(order)) for i in range(count if order else 0)]
