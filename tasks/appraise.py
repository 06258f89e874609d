"""Appraise: the judge scores each question, or each attempt, from 1 to 10; what it writes is trained on, too."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.appraisals import APPRAISALS
from schemas.appraising import Appraise, AppraiseQuestions
from schemas.dropped import DROPPED
from schemas.grades import PROBE_GRADES
from schemas.manifest import TableRef, Teacher
from schemas.questions import QUESTIONS
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.equality import Compare, equality
from tasks.checks import grading
from tasks.checks.appraising import form_of, mean_score, read_score
from tasks.engines import Completion, Request, completed
from tasks.engines.staged import engine_of_stage
from tasks.roles import Role
from tasks.rules import first_refusal
from tasks.rules.appraise import quality_rules
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]


class Asked(NamedTuple):
    """What the judge is shown."""

    id: str
    question: str
    answer: str


@writes(APPRAISALS, PROBE_GRADES, DROPPED)
def appraise(
    draft: Draft,
    *,
    settings: Appraise,
    judge: Role,
    checks: Answers,
    questions: TableRef,
    attempts: TableRef | None = None,
    probe: TableRef | None = None,
) -> dict[str, Any]:
    """Write `appraisals`, num_samples of each question, and the questions that are not good enough (`dropped`); or,
    where there are `attempts`, of each of these, and how often the judge is right about those at `probe` rows
    (`probe_grades`). It is not told which those are."""
    known = {row["id"]: row for row in draft.read(probe).to_pylist()} if probe else {}
    asked = {row["id"]: row["question"] for row in draft.read(questions).to_pylist()}
    texts = asked | {name: row["question"] for name, row in known.items()}
    made = draft.read(attempts).to_pylist() if attempts else []
    shown = [Asked(row["id"], texts[row["question_id"]], row["text"]) for row in made]
    if attempts is None:
        shown = [Asked(name, question, "") for name, question in asked.items()]
    scores = defaultdict(list)
    rows = _appraised(draft, settings, judge, sorted(shown, key=_order))
    for row in rows:
        scores[row["row_id"]].append(row["score"])
    mean = {one.id: mean_score(scores[one.id]) for one in shown}
    figures: dict[str, Any] = {}
    if known:
        with equality(checks, draft.cache) as compare:
            at_probe = [row for row in made if row["question_id"] in known]
            probed = [_probed(draft, checks, compare, row, known, mean[row["id"]]) for row in at_probe]
        draft.write(PROBE_GRADES, probed)
        figures = {"precision": grading.precision(probed).model_dump()}
        figures |= {"recall_of_wrong": grading.recall_of_wrong(probed).model_dump()}
    if isinstance(settings, AppraiseQuestions):
        refused = {name: first_refusal(quality_rules(mean[name], settings.least)) for name in asked}
        draft.write(DROPPED, [draft.refused(n, QUESTIONS, *r[:3], asked[n]) for n, r in refused.items() if r])
    read = [row["score"] for row in rows if row["score"] is not None]
    figures |= {"mean_score": mean_score(read), "unreadable": 1 - len(read) / len(rows) if rows else 0.0}
    return figures | {"form": mean_score(row["form"] for row in rows)}


def _order(one: Asked) -> bytes:
    """Nothing tells probe rows apart."""
    return hashlib.sha256(f"{one.question}\0{one.id}".encode("utf-8", "replace")).digest()


def _appraised(draft: Draft, settings: Appraise, judge: Role, shown: Sequence[Asked]) -> list[Row]:
    weights = judge.model.tokenizer if isinstance(judge.model, Teacher) else judge.model
    marks = grading.marks_of(draft.checkpoint(weights))
    size = settings.rows_per_shard
    shards = [shown[at : at + size] for at in range(0, len(shown), size)] or [[]]
    rows: list[Row] = []
    with engine_of_stage(draft, judge) as engine:

        def make(shard: Sequence[Asked], progress: Progress) -> tuple[list[Row]]:
            requests = [
                Request(
                    one.id, judge.prompt.render(**grading.shown(one.question, one.answer, marks)), settings.sampling,
                    draft.random_seed("appraise", one.id), settings.num_samples,
                )
                for one in shard
            ]  # fmt: skip
            by = {"checkpoint": judge.model.digest, "verified": engine.identity is None}
            return ([_appraisal(draft, settings, said) | by for said in completed(engine, requests, progress)],)

        for (made,) in each_shard(
            draft, (APPRAISALS,), shards, make, unit="appraisals",
            size=lambda shard: len(shard) * settings.num_samples,
            workers=engine.at_once,
        ):  # fmt: skip
            rows += made
    return rows


def _appraisal(draft: Draft, settings: Appraise, said: Completion) -> Row:
    row = {"id": draft.row_id(APPRAISALS, said.request_id, said.sample), "row_id": said.request_id}
    score = read_score(said.text, settings.pattern) if said.finish_reason == "stop" else None
    return row | {"sample": said.sample, "score": score, "form": form_of(said.text, settings.pattern)} | said.sampled


def _probed(
    draft: Draft, checks: Answers, compare: Compare, attempt: Row, known: dict[str, Row], reward: float | None
) -> Row:
    """What the judge gave an attempt at a probe row, and the truth."""
    right = grading.is_right(known[attempt["question_id"]]["reference"], attempt, checks, compare)
    return {
        "id": draft.row_id(PROBE_GRADES, attempt["id"]), "attempt_id": attempt["id"],
        "question_id": attempt["question_id"], "reward": reward, "right": right,
        "correct": grading.is_correct(reward, right),
    }  # fmt: skip
