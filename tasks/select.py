"""Select: questions whose label is trusted and which still teach, apart from every benchmark and the probe."""

from collections import Counter
from typing import Any

from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.questions import QUESTIONS
from schemas.selections import CONTAMINATION, SELECTIONS
from schemas.settings import Select as Settings
from tasks.checks.contamination import ProtectedTexts
from tasks.store.draft import Draft
from tasks.waves import Wave, in_wave


def select(
    draft: Draft,
    *,
    settings: Settings,
    questions: TableRef,
    verdicts: TableRef,
    probe: TableRef,
    benchmark_items: TableRef,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `selections`, `contamination` hits and `dropped` questions; the band is inclusive at both ends.

    Ties and votes without a valid answer give no label. Beyond the caps, those admitted last are dropped.
    With `wave`, only the questions of that wave were asked.
    """
    verdict_of = {row["question_id"]: row for row in draft.read(verdicts).to_pylist()}
    protected = ProtectedTexts(
        [("probe", row["id"], row["question"]) for row in draft.read(probe).to_pylist()]
        + [(row["benchmark"], row["id"], row["question"]) for row in draft.read(benchmark_items).to_pylist()],
        ngram=settings.ngram,
        near=settings.near,
    )
    kept: list[dict[str, Any]] = []
    per_answer: Counter[str] = Counter()
    hits: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    asked = [row for row in draft.read(questions).to_pylist() if in_wave(row["text"], wave)]
    for question in sorted(asked, key=lambda row: row["position"]):
        verdict = verdict_of[question["id"]]
        reason, figure, threshold = _off_band(verdict, settings)
        if hit := protected.find(question["text"]):  # reported for every question, in the band or not
            reason, figure, threshold = hit.reason, hit.score, settings.near if hit.kind == "near" else None
            hits.append(hit.row(draft.row_id(CONTAMINATION, question["id"]), question["id"]))
        if (
            not reason
            and settings.max_per_answer is not None
            and per_answer[verdict["answer"]] >= settings.max_per_answer
        ):
            reason, figure, threshold = "answer_over_cap", per_answer[verdict["answer"]] + 1, settings.max_per_answer
        if not reason and settings.max_questions is not None and len(kept) >= settings.max_questions:
            reason, figure, threshold = "over_cap", len(kept) + 1, settings.max_questions
        if reason:
            dropped.append(draft.refused(question["id"], QUESTIONS, reason, figure, threshold, question["text"]))
        else:
            per_answer[verdict["answer"]] += 1
            kept.append(
                {"id": draft.row_id(SELECTIONS, question["id"]), "question_id": question["id"]}
                | {"verdict_id": verdict["id"], "text": question["text"]}
                | {"answer": verdict["answer"], "agreement": verdict["agreement"]}
            )
    draft.write(SELECTIONS, kept)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {"band": _band([_off_band(verdict, settings)[0] for verdict in verdict_of.values()])}


def _off_band(verdict: dict[str, Any], settings: Settings) -> tuple[str, float | None, float | None]:
    if verdict["tied"]:
        return "tie", verdict["agreement"], None
    if verdict["answer"] is None:
        return "no_valid_answer", verdict["num_valid"], 1
    if verdict["agreement"] < settings.min_agreement:
        return "below_band", verdict["agreement"], settings.min_agreement
    if verdict["agreement"] > settings.max_agreement:
        return "above_band", verdict["agreement"], settings.max_agreement
    return "", None, None


def _band(reasons: list[str]) -> dict[str, float]:
    """Shares of all verdicts; what lies in the band may still be dropped for contamination or the cap."""
    below, above = reasons.count("below_band"), reasons.count("above_band")
    without = reasons.count("tie") + reasons.count("no_valid_answer")
    total = len(reasons)
    counts = {"below": below, "in": total - below - above - without, "above": above, "no_verdict": without}
    return {name: count / total if total else 0.0 for name, count in counts.items()}
