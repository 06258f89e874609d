"""Drift: how far the distribution of a column lies from what it was."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.diff import Drift
from schemas.manifest import Manifest, TableRef
from schemas.table import Table
from schemas.tables import TABLES
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_columns

MOST_VALUES = 20
"""A column of more distinct values is cut at its deciles."""


def jensen_shannon(before: Mapping[Any, float], after: Mapping[Any, float]) -> float:
    """Jensen-Shannon divergence in bits (Lin 1991, "Divergence measures based on the Shannon entropy"), of two sets
    of shares by category: 0 if they are equal, 1 if they have no category in common. Symmetric, and finite where a
    category is empty on one side, which a population stability index is not."""
    total = 0.0
    for category in before.keys() | after.keys():
        p, q = before.get(category, 0.0), after.get(category, 0.0)
        total += sum(0.5 * share * math.log2(2 * share / (p + q)) for share in (p, q) if share)
    return min(1.0, max(0.0, total))


def by_chance(categories: int, n_before: int, n_after: int) -> float:
    """What the divergence is on average for two samples of one distribution: its first-order term is a chi-square
    of `categories - 1` degrees of freedom over 8 ln 2."""
    return min(1.0, (categories - 1) * (1 / n_before + 1 / n_after) / (8 * math.log(2)))


def drifts(a: tuple[Lineage, Manifest], b: tuple[Lineage, Manifest]) -> list[Drift]:
    """Every column whose table says that it is watched, and why rows were dropped. Raises Damaged if a file is not
    what was written."""
    (_, before), (_, after) = a, b
    return [
        *(_numeric(a, b, table, column) for table in TABLES.values() for column in table.watched),
        _dropped(before.dropped, after.dropped),
    ]


def _dropped(before: Mapping[str, int], after: Mapping[str, int]) -> Drift:
    """Of dropped rows, by reason."""
    n, m = sum(before.values()), sum(after.values())
    was, now = _normed(before), _normed(after)
    seen = [name for name in was.keys() | now.keys() if was.get(name) or now.get(name)]
    return Drift(
        column="dropped.reason", meaning="dropped rows by reason", before=was or None, after=now or None,
        drift=jensen_shannon(was, now) if n and m else None,
        by_chance=by_chance(len(seen), n, m) if n and m else None,
    )  # fmt: skip


def _normed(found: Mapping[str, float]) -> dict[str, float]:
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total else {}


def _numeric(a: tuple[Lineage, Manifest], b: tuple[Lineage, Manifest], table: Table, column: str) -> Drift:
    (before, n), (after, m) = (_values(lineage, manifest, table, column) for lineage, manifest in (a, b))
    drift = chance = None
    if n and m:
        binned = [_binned(values, _edges(before, after)) for values in (before, after)]
        drift = jensen_shannon(*binned)
        chance = by_chance(len(binned[0].keys() | binned[1].keys()), n, m)
    return Drift(
        column=f"{table.name}.{column}", meaning=_meaning(table, column), before=_figures(before),
        after=_figures(after), drift=drift, by_chance=chance,
    )  # fmt: skip


def _meaning(table: Table, column: str) -> str:
    field = table.schema.field(column)
    of = "characters of the " if pa.types.is_string(field.type) else ""
    return f"{of}{column}: {(field.metadata or {}).get(b'meaning', b'').decode()}"


def _values(lineage: Lineage, m: Manifest, table: Table, column: str) -> tuple["np.ndarray[Any, Any]", int]:
    """A column as numbers, a text by its length; and how many questions stand behind it: rows of one question are
    alike, and count once where chance is reckoned."""
    by = "question_id" if "question_id" in table.schema.names else "id"
    refs: list[TableRef] = m.tables.get(table.name, [])
    rows = read_columns(lineage.folder, refs, table, [column, by])
    if not len(rows):
        return np.empty(0), 0
    found = rows[column]
    numbers = pc.utf8_length(found) if pa.types.is_string(found.type) else found
    return np.from_dlpack(numbers.combine_chunks()), len(pc.unique(rows[by]))  # the usual ways import pandas


def _edges(before: "np.ndarray[Any, Any]", after: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Lower ends of the categories: the values themselves if they are few, else the deciles of both together."""
    together = np.concatenate([before, after])
    values = np.unique(together)
    return values if len(values) <= MOST_VALUES else np.unique(np.quantile(together, np.linspace(0, 0.9, 10)))


def _binned(values: "np.ndarray[Any, Any]", edges: "np.ndarray[Any, Any]") -> dict[int, float]:
    places, counts = np.unique(np.searchsorted(edges, values, side="right"), return_counts=True)
    return {int(place): float(count) / len(values) for place, count in zip(places, counts, strict=True)}


def _figures(values: "np.ndarray[Any, Any]") -> dict[str, float] | None:
    if not len(values):
        return None
    low, median, high = (float(found) for found in np.quantile(values, [0.1, 0.5, 0.9]))
    return {"n": float(len(values)), "mean": float(values.mean()), "p10": low, "median": median, "p90": high}
