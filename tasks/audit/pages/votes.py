"""How a round's page shows votes: the answers' agreement, and on the probe whether they were right."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.manifest import Manifest
from tasks.audit.pages import charts
from tasks.audit.pages.charts import Chart
from tasks.audit.pages.samples import table_of
from tasks.store.lineage import Lineage

BINS = 20
VOTES = {
    "below the band": "var(--c2)",
    "in the band": "var(--c1)",
    "above it": "var(--c3)",
    "no verdict": "var(--soft)",
}
PROBE = {"right": "var(--c1)", "wrong": "var(--c2)", "no verdict": "var(--soft)"}


def vote_charts(lineage: Lineage, m: Manifest, recipe: Mapping[str, Any]) -> list[Chart]:
    """None for a round that nobody voted in."""
    low, high = recipe.get("select.min_agreement", 0.0), recipe.get("select.max_agreement", 1.0)
    return [*_question_charts(lineage, m, low, high), *_probe_chart(lineage, m)]


def _question_charts(lineage: Lineage, m: Manifest, low: float, high: float) -> list[Chart]:
    votes = table_of(lineage, m, "verdicts")
    if not len(votes):
        return []
    kinds = [_kind_of_vote(vote, low, high) for vote in votes.select(["agreement", "answer"]).to_pylist()]
    note = f"Share of attempts behind the answer; a question is kept from {low:.0%} to {high:.0%}."
    sizes = Counter(len(classes) for classes in votes["classes"].to_pylist())
    values = [{"different answers": str(n), "questions": count} for n, count in sorted(sizes.items())]
    several = "How many different answers the attempts at a question gave."
    return [
        charts.histogram("votes", "Votes on the questions", note, _binned(votes, kinds), "agreement", VOTES),
        charts.bars("classes", "Answers a question", several, values, "different answers", "questions"),
    ]


def _kind_of_vote(vote: dict[str, Any], low: float, high: float) -> str:
    if vote["answer"] is None:
        return "no verdict"
    return "below the band" if vote["agreement"] < low else "above it" if vote["agreement"] > high else "in the band"


def _probe_chart(lineage: Lineage, m: Manifest) -> list[Chart]:
    votes = table_of(lineage, m, "probe_verdicts")
    if not len(votes):
        return []
    kinds = [{True: "right", False: "wrong", None: "no verdict"}[right] for right in votes["correct"].to_pylist()]
    note = "The same vote where the answer is known: agreement should go with being right."
    return [charts.histogram("probe", "Votes on the probe", note, _binned(votes, kinds), "agreement", PROBE)]


def _binned(votes: pa.Table, kinds: list[str]) -> list[dict[str, Any]]:
    """Counts by agreement and kind. Few attempts have few shares, and each is a bin of its own; else twenty."""
    attempts = max(votes["num_attempts"].to_pylist())
    bins = attempts if attempts <= BINS else BINS
    places = np.rint(votes["agreement"].to_numpy() * bins).astype(int).tolist()
    return [
        {
            "agreement": place / bins,
            "kind": kind,
            "count": count,
            "from": (place - 0.4) / bins,
            "to": (place + 0.4) / bins,
        }
        for (place, kind), count in sorted(Counter(zip(places, kinds, strict=True)).items())
    ]
