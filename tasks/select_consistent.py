"""Select consistent: questions whose own answer most attempts come to, without having seen it (CoT-Self-Instruct, Yu
et al. 2025, arXiv 2507.23751)."""

from typing import Any

from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.posing import Consistent
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.rules import Rule, first_refusal
from tasks.rules.select_consistent import consistency_rules
from tasks.store.draft import Draft
from tasks.waves import Wave, in_wave


@writes(SELECTIONS, DROPPED)
def select_consistent(
    draft: Draft,
    *,
    settings: Consistent,
    checks: Answers,
    questions: TableRef,
    answer_keys: TableRef,
    verdicts: TableRef,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `selections`, with the answer that came with the question, and `dropped` questions, in the order that
    they were posed in. With `wave`, only the questions of that wave were asked."""
    verdict_of = {row["question_id"]: row for row in draft.read(verdicts).to_pylist()}
    key_of = {row["question_id"]: row["answer"] for row in draft.read(answer_keys).to_pylist()}
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    asked = [row for row in draft.read(questions).to_pylist() if in_wave(row["question"], wave)]
    with equality(checks, draft.cache) as compare:
        for question in sorted(asked, key=lambda row: row["position"]):
            verdict, key = verdict_of.get(question["id"]), key_of[question["id"]]
            refusal: Rule | None = Rule("unanswered")
            if verdict is not None:
                said = verdict["answer"]
                same = Outcome.DIFFERENT if said is None else compare([(key, said)])[0]
                refusal = first_refusal(consistency_rules(verdict, same, settings))
            if refusal:
                why = (refusal.name, refusal.figure, refusal.threshold)
                dropped.append(draft.refused(question["id"], QUESTIONS, *why, question["question"]))
                continue
            assert verdict is not None, "one without was refused"
            kept.append(
                {"id": draft.row_id(SELECTIONS, question["id"]), "question_id": question["id"]}
                | {"verdict_id": verdict["id"], "question": question["question"]}
                | {"answer": key, "agreement": verdict["agreement"]}
            )
    draft.write(SELECTIONS, kept)
    draft.write(DROPPED, dropped)
    return {"consistent": len(kept) / len(asked) if asked else 0.0}
