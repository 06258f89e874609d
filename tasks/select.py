"""Select: questions whose label is trusted and which still teach, apart from every benchmark and the probe."""

from collections.abc import Mapping
from typing import Any

from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.inputs import UNLABELLED
from schemas.manifest import TableRef, ValidRows
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.settings import Answers, Contamination
from schemas.settings import Select as Settings
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.contradictions import label, labels_contradicted
from tasks.novelty.contamination import protected_texts
from tasks.rules.select import ADMITTED, Admission, off_band
from tasks.store.draft import Draft
from tasks.waves import Wave, in_wave

ASKED = {each.name: each for each in (QUESTIONS, UNLABELLED)}


@writes(SELECTIONS, CONTAMINATION, DROPPED)
def select(
    draft: Draft,
    *,
    settings: Settings,
    checks: Answers,
    protection: Contamination,
    questions: TableRef | ValidRows,
    verdicts: TableRef,
    probe: TableRef,
    benchmark_items: TableRef,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `selections`, `contamination` hits and `dropped` questions; the band is inclusive at both ends.

    Ties and votes without a valid answer give no label, nor does a question without any attempt. Questions that are
    copies of each other and have other labels are all dropped, by `checks`. Beyond the caps, those admitted last
    are dropped. `questions`: new ones, or unlabelled ones of the user's. With `wave`, only the questions of that wave
    were asked.
    """
    verdict_of = {row["question_id"]: row for row in draft.read(verdicts).to_pylist()}
    known = ((ref.table.rpartition("/")[2], draft.read(ref).to_pylist()) for ref in (probe, benchmark_items))
    protected = protected_texts(protection, *known)
    kept: list[dict[str, Any]] = []
    hits: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    admission = Admission(settings, protection, verdict_of.values())
    table = ASKED[(questions.tables[0] if isinstance(questions, ValidRows) else questions).table]
    asked = [row for row in draft.read(questions).to_pylist() if in_wave(row["question"], wave)]
    labels = {
        row["id"]: (row["question"], verdict_of[row["id"]]["answer"]) for row in asked if row["id"] in verdict_of
    }
    torn = labels_contradicted({name: label(*said) for name, said in labels.items() if said[1]}, checks)
    for question in sorted(asked, key=lambda row: int(row["position" if table is QUESTIONS else "source_row"])):
        hit = protected.find(question["question"])
        if hit:  # reported for every question, in the band or not
            hits.append(hit.row(draft.row_id(CONTAMINATION, question["id"]), question["id"]))
        verdict = verdict_of.get(question["id"])
        if verdict is None:
            dropped.append(draft.refused(question["id"], table, "unanswered", text=question["question"]))
            continue
        touches = (hit.reason, hit.score, hit.limit(protection)) if hit else ADMITTED
        if (refusal := admission.admit(verdict, touches, question["id"] in torn)) != ADMITTED:
            dropped.append(draft.refused(question["id"], table, *refusal, question["question"]))
        else:
            kept.append(
                {"id": draft.row_id(SELECTIONS, question["id"]), "question_id": question["id"]}
                | {"verdict_id": verdict["id"], "question": question["question"]}
                | {"answer": verdict["answer"], "agreement": verdict["agreement"]}
            )
    draft.write(SELECTIONS, kept)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    figures: dict[str, Any] = {"band": _band([off_band(verdict, settings) for verdict in verdict_of.values()])}
    return figures | ({"contradicting": len(torn)} if torn else {})


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    return of_rows(rows["questions"])


def _band(reasons: list[str]) -> dict[str, float]:
    """Shares of all verdicts; what lies in the band may still be dropped for contamination or the cap."""
    below, above = reasons.count("below_band"), reasons.count("above_band")
    without = sum(reasons.count(why) for why in ("tie", "no_valid_answer", "below_min_share"))
    total = len(reasons)
    counts = {"below": below, "in": total - below - above - without, "above": above, "no_verdict": without}
    return {name: count / total if total else 0.0 for name, count in counts.items()}
