"""Grade: a model grades each attempt by a rubric, several times (LLM as a judge: Yuan et al. 2024, arXiv 2401.10020).

What it says may be wrong. How often it is, on the probe, is measured every round, and so is what an answer gets that
only tries to persuade it.
"""

import hashlib
from collections import defaultdict
from typing import Any, NamedTuple

from schemas.grades import GRADES, PERSUASIONS, PROBE_GRADES
from schemas.manifest import TableRef, Teacher, ValidRows
from schemas.rewards import REWARDS
from schemas.rubric import Rubric
from schemas.settings import Answers
from schemas.table import Table, writes
from tasks.answers.canonical import answer_of, stated, usable_answer
from tasks.answers.equality import equality
from tasks.answers.verify import Outcome
from tasks.checks import grading
from tasks.checks.judging import by_question
from tasks.engines import Completion, Engine, Request, completed
from tasks.engines.staged import engine_of_stage
from tasks.reading.grades import read_grade
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
    of the round); of the probe, `probe_grades` and `persuasions`.

    The judge sees question and answer, and not which questions are the probe's. `precision` is how often it is right
    about an attempt at the probe, `persuaded` how many of the persuading answers get a half or more. A grade that
    cannot be read, or was cut off, is undecided, and no grade of 0.
    """
    known = {row["id"]: row for row in draft.read(probe).to_pylist()}
    texts = {row["id"]: row["question"] for row in draft.read(questions).to_pylist()}
    texts |= {name: row["question"] for name, row in known.items()}
    groups = [rows for _, rows in by_question(draft.read(attempts).to_pylist())]
    groups.sort(key=lambda rows: hashlib.sha256(texts[rows[0]["question_id"]].encode()).digest())
    asked = [[Asked(row["id"], texts[row["question_id"]], row["text"]) for row in rows] for rows in groups]
    with equality(checks, draft.cache) as compare:

        def is_right(question: str, text: str, finish_reason: str) -> bool | None:
            said = usable_answer(answer_of(text, checks), finish_reason, checks)
            outcome = compare([(stated(known[question]["reference"], checks), said or "")])[0]
            return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL

        tempting = [
            [Asked(name, texts[name], settings.persuasion)]
            for name in sorted(known)
            if is_right(name, settings.persuasion, "stop") is False
        ]
        with engine_of_stage(draft, judge) as engine:
            graded = _graded(draft, settings, judge, engine, GRADES, asked, settings.num_samples)
            tried = _graded(draft, settings, judge, engine, PERSUASIONS, tempting, 1)
        rewards = _rewards(graded, settings.scale)
        of_probe = [row for rows in groups for row in rows if row["question_id"] in known]
        probed = [
            {"id": draft.row_id(PROBE_GRADES, row["id"]), "attempt_id": row["id"], "question_id": row["question_id"]}
            | {"reward": rewards[row["id"]], "right": right}
            | {"correct": grading.is_correct(rewards[row["id"]], right)}
            for row in of_probe
            for right in [is_right(row["question_id"], row["text"], row["finish_reason"])]
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
    return {
        "precision": grading.precision(probed).model_dump(),
        "recall_of_wrong": grading.recall_of_wrong(probed).model_dump(),
        "persuaded": grading.persuaded(tried).model_dump(),
        "mean_reward": sum(decided) / len(decided) if decided else None,
        "undecided": len(given) - len(decided),
        "unreadable": sum(row["grade"] is None for row in graded) / len(graded) if graded else 0.0,
    }


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
            _grading(draft, settings, table, completion)
            | {"checkpoint": judge.model.digest, "verified": engine.identity is None}
            for completion in completed(engine, requests, progress)
        ]
        return (made,)

    for (made,) in each_shard(
        draft, (table,), shards, make, unit=table.name, size=lambda shard: len(shard) * samples,
        workers=engine.at_once,
    ):  # fmt: skip
        rows += made
    return rows


def _grading(draft: Draft, settings: Rubric, table: Table, said: Completion) -> Row:
    """What the judge said of one answer."""
    whole = said.finish_reason == "stop"
    grade = read_grade(said.text, settings.pattern, settings.scale) if whole else None
    row = {"id": draft.row_id(table, said.request_id, said.sample), "sample": said.sample, "prompt": said.prompt}
    row |= {"text": said.text, "num_tokens": said.num_tokens, "finish_reason": said.finish_reason, "grade": grade}
    if table is GRADES:
        return row | {"attempt_id": said.request_id}
    return row | {"question_id": said.request_id, "persuaded": grading.is_high(grade, settings.scale)}


def _rewards(graded: list[Row], scale: int) -> dict[str, float | None]:
    """Of each attempt, in the order of the grades."""
    grades: dict[str, list[float | None]] = defaultdict(list)
    for row in graded:
        grades[row["attempt_id"]].append(row["grade"])
    return {attempt: grading.reward_of(of_one, scale) for attempt, of_one in grades.items()}
