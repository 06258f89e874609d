"""Prefer: a model is asked which of two attempts at a question is better, of every two and in both orders (SPPO, Wu
et al. 2024, arXiv 2405.00675, has a preference model in its place).

What it says may be wrong. How often it is, on the probe, is measured every round, and so is whether it goes by which
answer it is shown first.
"""

import hashlib
from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

from schemas.comparisons import COMPARISONS, PREFERENCES, PROBE_PREFERENCES
from schemas.manifest import TableRef, Teacher
from schemas.preferring import Prefer
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.answers.canonical import answer_of, stated, usable_answer
from tasks.answers.equality import equality
from tasks.answers.verify import Outcome
from tasks.checks import preferring
from tasks.checks.grading import marks_of
from tasks.checks.judging import by_question
from tasks.engines import Completion, Request, completed
from tasks.engines.staged import engine_of_stage
from tasks.reading.preferences import prefers_first
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]


class Compared(NamedTuple):
    """Two attempts in the order in which the judge is shown them."""

    question: str
    first: Row
    second: Row

    @property
    def id(self) -> str:
        return f"{self.first['id']} {self.second['id']}"


@writes(COMPARISONS, PREFERENCES, PROBE_PREFERENCES, REWARDS)
def prefer(
    draft: Draft, *, settings: Prefer, checks: Answers, judge: Role, unlabelled: TableRef, attempts: TableRef,
    probe: TableRef, wave: Wave | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write `comparisons` (num_samples in each order of every two attempts at a question), `preferences` (what they
    come to) and `rewards` of attempts at the round's questions; of the probe, `probe_preferences`.

    Attempts that were cut off are not compared, nor are two of one text. An attempt that the judge could tell from no
    other is undecided. `precision` is how often it prefers a right attempt at the probe over a wrong one,
    `prefers_first` how often it says that the first is better. With `wave`, only that wave's questions were asked.
    """
    known = {row["id"]: row for row in draft.read(probe).to_pylist()}
    texts = {row["id"]: row["question"] for row in (*known.values(), *draft.read(unlabelled).to_pylist())}
    every = draft.read(attempts).to_pylist()
    groups = [rows for _, rows in by_question(row for row in every if row["finish_reason"] == "stop")]
    groups.sort(key=lambda rows: hashlib.sha256(texts[rows[0]["question_id"]].encode()).digest())
    pairs = [[pair for pair in combinations(rows, 2) if pair[0]["text"] != pair[1]["text"]] for rows in groups]
    asked = [
        [
            Compared(texts[row["question_id"]], *order)
            for row, other in of_one
            for order in ((row, other), (other, row))
        ]
        for of_one in pairs
    ]
    comparisons = _comparisons(draft, settings, judge, asked)
    said = preferring.chances(comparisons)
    earned = {id: reward for rows in groups for id, reward in preferring.rewards(rows, said, settings.reward).items()}
    given = [
        {
            "id": draft.row_id(REWARDS, row["id"]),
            "row_id": row["id"],
            "judge": "pairs",
            "reward": earned.get(row["id"]),
        }
        for row in every
        if row["question_id"] not in known  # of the probe nothing is made to train on
    ]
    preferences = [
        {"id": draft.row_id(PREFERENCES, one["id"], other["id"]), "attempt_id": one["id"], "other_id": other["id"]}
        | {"chance": said[one["id"], other["id"]]}
        for of_one in pairs
        for one, other in of_one
    ]
    with equality(checks, draft.cache) as compare:

        def is_right(row: Row) -> bool | None:
            stands = usable_answer(answer_of(row["text"], checks), row["finish_reason"], checks)
            outcome = compare([(stated(known[row["question_id"]]["reference"], checks), stands or "")])[0]
            return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL

        of_probe = [rows for rows in groups if rows[0]["question_id"] in known]
        probed = [
            {"id": draft.row_id(PROBE_PREFERENCES, row["attempt_id"], row["other_id"])} | row
            for row in preferring.right_over_wrong(of_probe, is_right, said)
        ]
    for table, rows in ((PREFERENCES, preferences), (PROBE_PREFERENCES, probed), (REWARDS, given)):
        draft.write(table, rows)
    return {
        "precision": preferring.precision(probed).model_dump(),
        "prefers_first": preferring.prefers_what_is_first(comparisons).model_dump(),
        "undecided": sum(row["reward"] is None for row in given),
        "unreadable": sum(row["prefers_first"] is None for row in comparisons) / max(1, len(comparisons)),
    }


def work(settings: Prefer, rows: Mapping[str, int], wave: Wave | None) -> Work:
    """Every attempt is shown first against every other at its question."""
    attempts = rows["attempts"] * (wave[1] if wave else 1)  # they are the wave's already
    others = -(-attempts // max(1, rows["unlabelled"] + rows["probe"])) - 1
    return of_rows(attempts * others * settings.num_samples, longest=settings.sampling.max_tokens)


def _comparisons(draft: Draft, settings: Prefer, judge: Role, asked: list[list[Compared]]) -> list[Row]:
    """A shard of questions at a time."""
    weights = judge.model.tokenizer if isinstance(judge.model, Teacher) else judge.model
    marks, size = marks_of(draft.checkpoint(weights)), settings.questions_per_shard
    shards = [[one for of_one in asked[i : i + size] for one in of_one] for i in range(0, len(asked), size)] or [[]]
    rows: list[Row] = []
    with engine_of_stage(draft, judge) as engine:

        def make(shard: list[Compared], progress: Progress) -> tuple[list[Row]]:
            of = {each.id: each for each in shard}
            requests = [
                Request(
                    name,
                    judge.prompt.render(**preferring.shown_pair(q, first["text"], second["text"], marks)),
                    settings.sampling,
                    draft.random_seed("prefer", q, first["text"], second["text"]),
                    settings.num_samples,
                )
                for name, (q, first, second) in of.items()
            ]
            made = completed(engine, requests, progress)
            verified = {"checkpoint": judge.model.digest, "verified": engine.identity is None}
            return ([_comparison(draft, settings, of[c.request_id], c) | verified for c in made],)

        for (made,) in each_shard(
            draft, (COMPARISONS,), shards, make, unit=COMPARISONS.name,
            size=lambda shard: len(shard) * settings.num_samples, workers=engine.at_once,
        ):  # fmt: skip
            rows += made
    return rows


def _comparison(draft: Draft, settings: Prefer, of: Compared, said: Completion) -> Row:
    whole = said.finish_reason == "stop"
    return {
        "id": draft.row_id(COMPARISONS, of.first["id"], of.second["id"], said.sample), "first_id": of.first["id"],
        "second_id": of.second["id"], "sample": said.sample, "prompt": said.prompt, "text": said.text,
        "num_tokens": said.num_tokens, "finish_reason": said.finish_reason,
        "prefers_first": prefers_first(said.text, settings.pattern) if whole else None,
    }  # fmt: skip
