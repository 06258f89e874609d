"""Grade: a model grades each attempt by a rubric, several times (LLM as a judge: Yuan et al. 2024, arXiv 2401.10020).

What it says may be wrong. How often it is, on the probe, is measured every round, and so is what an answer gets that
only tries to persuade it.
"""

import hashlib
from typing import Any, NamedTuple

from schemas.grades import GRADES, PERSUASIONS, PROBE_GRADES
from schemas.manifest import TableRef, Teacher, ValidRows
from schemas.rewards import REWARDS
from schemas.rubric import Rubric
from schemas.settings import Answers
from schemas.table import Table, writes
from tasks.answers.equality import equality
from tasks.checks import grading
from tasks.checks.judging import by_question
from tasks.engines import Completion, Engine, Request, completed
from tasks.engines.staged import engine_of_stage
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]


class Asked(NamedTuple):
    """An answer that the judge is shown."""

    id: str
    """The attempt's; of an answer that tries to persuade it, the probe row's."""
    question: str
    answer: str


@writes(GRADES, PERSUASIONS, PROBE_GRADES, REWARDS)
def grade(
    draft: Draft,
    *,
    settings: Rubric,
    checks: Answers,
    judge: Role,
    questions: TableRef | ValidRows,
    attempts: TableRef,
    probe: TableRef,
) -> dict[str, Any]:
    """Write `grades` (num_samples an attempt) and `rewards` (their mean over the scale, of an attempt at a question
    of the round); of the probe rows that were attempted, `probe_grades` and `persuasions`.

    The judge sees question and answer, and not which questions are the probe's. `precision` is how often it is right
    about an attempt at the probe, `persuaded` how many of the persuading answers get a half or more. A grade that
    cannot be read, or was cut off, is undecided, and no grade of 0; what `answer_pattern` keeps out gets 0.
    """
    known = {row["id"]: row for row in draft.read(probe).to_pylist()}
    texts = {row["id"]: row["question"] for row in draft.read(questions).to_pylist()}
    texts |= {name: row["question"] for name, row in known.items()}
    groups = [rows for _, rows in by_question(draft.read(attempts).to_pylist())]
    groups.sort(key=lambda rows: hashlib.sha256(texts[rows[0]["question_id"]].encode()).digest())
    form, persuasion = settings.answer_pattern, {"text": settings.persuasion, "finish_reason": "stop"}
    said = {row["id"]: grading.judged_text(row, form, checks) for rows in groups for row in rows}
    asked = [
        [Asked(row["id"], texts[row["question_id"]], text) for row in rows if (text := said[row["id"]]) is not None]
        for rows in groups
    ]
    tempts = grading.judged_text(persuasion, form, checks)
    tried_at = [name for name in sorted(known.keys() & {rows[0]["question_id"] for rows in groups}) if tempts]
    with equality(checks, draft.cache) as compare:

        def is_right(question: str, attempt: Row) -> bool | None:
            return grading.is_right(known[question]["reference"], attempt, checks, compare)

        tempting = [[Asked(n, texts[n], tempts or "")] for n in tried_at if is_right(n, persuasion) is False]
        with engine_of_stage(draft, judge) as engine:
            graded = _graded(draft, settings, judge, engine, GRADES, asked, settings.num_samples)
            tried = _graded(draft, settings, judge, engine, PERSUASIONS, tempting, 1)
        kept_out = {attempt: 0.0 for attempt, text in said.items() if text is None}
        rewards = kept_out | grading.rewards(graded, settings.scale)
        probed = [
            {"id": draft.row_id(PROBE_GRADES, row["id"]), "attempt_id": row["id"], "question_id": row["question_id"]}
            | {"reward": rewards[row["id"]], "right": right}
            | {"correct": grading.is_correct(rewards[row["id"]], right)}
            for row in (row for rows in groups for row in rows if row["question_id"] in known)
            for right in [is_right(row["question_id"], row)]
        ]
    given = [
        {"id": draft.row_id(REWARDS, row["id"]), "row_id": row["id"], "judge": "rubric", "reward": rewards[row["id"]]}
        for rows in groups
        for row in rows
        if row["question_id"] not in known  # of the probe nothing is made to train on
    ]
    draft.write(PROBE_GRADES, probed)
    draft.write(REWARDS, given)
    decided = [row["reward"] for row in given if row["reward"] is not None]
    figures = grading.measured(probed, tried)
    figures["mean_reward"] = sum(decided) / len(decided) if decided else None
    figures["undecided"] = len(given) - len(decided)
    figures["unreadable"] = sum(row["grade"] is None for row in graded) / len(graded) if graded else 0.0
    return figures | ({"kept_out": len(kept_out) / len(said)} if kept_out else {})


def _graded(
    draft: Draft, settings: Rubric, judge: Role, engine: Engine, table: Table, asked: list[list[Asked]], samples: int
) -> list[Row]:
    """Gradings of the answers to each question, a shard of questions at a time."""
    weights = judge.model.tokenizer if isinstance(judge.model, Teacher) else judge.model
    marks = grading.marks_of(draft.checkpoint(weights))
    size = settings.questions_per_shard
    shards = [[one for of_one in asked[i : i + size] for one in of_one] for i in range(0, len(asked), size)] or [[]]
    rows: list[Row] = []

    def make(shard: list[Asked], progress: Progress) -> tuple[list[Row]]:
        requests = [
            Request(
                one.id,
                judge.prompt.render(**grading.shown(one.question, one.answer, marks), scale=settings.scale),
                settings.sampling,
                draft.random_seed("grade", one.question, one.answer),
                samples,
            )
            for one in shard
        ]
        made = [
            {"id": draft.row_id(table, said.request_id, said.sample)}
            | grading.read(said, settings)
            | {"checkpoint": judge.model.digest, "verified": engine.identity is None}
            | _about(table, said, settings)
            for said in completed(engine, requests, progress)
        ]
        return (made,)

    for (made,) in each_shard(
        draft, (table,), shards, make, unit=table.name, size=lambda shard: len(shard) * samples,
        workers=engine.at_once,
    ):  # fmt: skip
        rows += made
    return rows


def _about(table: Table, said: Completion, settings: Rubric) -> Row:
    """What a grading is of: an attempt, or a try to persuade at a question."""
    if table is GRADES:
        return {"attempt_id": said.request_id}
    grade = grading.read(said, settings)["grade"]
    return {"question_id": said.request_id, "persuaded": grading.is_high(grade, settings.scale)}
