"""Screen: new questions apart from every benchmark and the probe, before anybody answers them."""

from typing import Any

from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.questions import QUESTIONS
from schemas.settings import Contamination
from schemas.table import writes
from tasks.novelty.contamination import protected_texts
from tasks.store.draft import Draft


@writes(CONTAMINATION, DROPPED)
def screen(
    draft: Draft, *, protection: Contamination, questions: TableRef, probe: TableRef, benchmark_items: TableRef
) -> dict[str, Any]:
    """Write `contamination` hits, and `dropped` questions: who reads the questions reads them without these."""
    known = ((ref.table.rpartition("/")[2], draft.read(ref).to_pylist()) for ref in (probe, benchmark_items))
    protected = protected_texts(protection, *known)
    hits: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for row in draft.read(questions).to_pylist():
        if hit := protected.find(row["question"]):
            hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
            why = (hit.reason, hit.score, hit.limit(protection))
            dropped.append(draft.refused(row["id"], QUESTIONS, *why, row["question"]))
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {"contaminated": len(hits)}
