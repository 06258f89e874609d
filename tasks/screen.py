"""Screen: new questions apart from every benchmark and the probe, before anybody answers them."""

from typing import Any

from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.questions import QUESTIONS
from schemas.settings import Contamination
from schemas.table import writes
from tasks.novelty.contamination import ProtectedTexts
from tasks.store.draft import Draft


@writes(CONTAMINATION, DROPPED)
def screen(
    draft: Draft, *, protection: Contamination, questions: TableRef, probe: TableRef, benchmark_items: TableRef
) -> dict[str, Any]:
    """Write `contamination` hits, and `dropped` questions: who reads the questions reads them without these."""
    protected = ProtectedTexts(
        [("probe", row["id"], row["question"]) for row in draft.read(probe).to_pylist()]
        + [(row["benchmark"], row["id"], row["question"]) for row in draft.read(benchmark_items).to_pylist()],
        ngram=protection.ngram,
        near=protection.near,
    )
    hits: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for row in draft.read(questions).to_pylist():
        if hit := protected.find(row["question"]):
            hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
            limit = protection.near if hit.kind == "near" else None
            dropped.append(draft.refused(row["id"], QUESTIONS, hit.reason, hit.score, limit, row["question"]))
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {"contaminated": len(hits)}
