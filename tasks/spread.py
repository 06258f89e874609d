"""Spread: how evenly a checkpoint's greedy recommendations fall on the items of each benchmark."""

from typing import Any

from schemas.manifest import TableRef
from schemas.table import writes
from tasks.statistics.spread import entropy, largest_share
from tasks.store.draft import Draft


@writes()
def spread(draft: Draft, *, evaluations: TableRef) -> dict[str, Any]:
    """Write nothing. By benchmark, the figures `entropy` of the items recommended, in nats; `entropy_of_true`, of
    those that the users chose; `most_recommended`, the share of the commonest. An answer without an item is no
    recommendation."""
    rows = [row for row in draft.read(evaluations).to_pylist() if row["greedy"]]
    names = sorted({row["benchmark"] for row in rows})
    said = {b: [row["answer"] for row in rows if row["benchmark"] == b and row["answer"] is not None] for b in names}
    true = {b: [row["reference"] for row in rows if row["benchmark"] == b] for b in names}
    return {
        "entropy": {b: entropy(said[b]) for b in names},
        "entropy_of_true": {b: entropy(true[b]) for b in names},
        "most_recommended": {b: largest_share(said[b]) for b in names},
    }
