"""Check: the reference judge. An attempt is right if its answer equals the one that came with its question."""

from collections.abc import Sequence
from typing import Any

from schemas.answers import ANSWERS
from schemas.manifest import TableRef
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.canonical import answer_of, canonical, usable_answer
from tasks.answers.equality import Compare, equality
from tasks.answers.outcomes import Outcome
from tasks.checks.judging import why_invalid
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]

ATTEMPTS_PER_SHARD = 1024
REWARD = {Outcome.EQUAL: 1.0, Outcome.DIFFERENT: 0.0, Outcome.UNDECIDED: None}


@writes(ANSWERS, REWARDS)
def check(
    draft: Draft,
    *,
    checks: Answers,
    attempts: TableRef,
    answer_keys: TableRef | None = None,
    gold: TableRef | None = None,
) -> dict[str, Any]:
    """Write `answers`, what was read from each attempt at a question with a key, and `rewards`: 1 for one that equals
    the key, 0 for one that does not or that cannot be read, null if the comparison was undecided. The key is the one
    that came with the question, or what is read from its `gold` solution."""
    key_of = {row["question_id"]: row["answer"] for row in draft.read(answer_keys).to_pylist()} if answer_keys else {}
    for row in draft.read(gold).to_pylist() if gold else ():
        if (solved := answer_of(row["completion"], checks).text) is not None:
            key_of[row["id"]] = solved
    rows = [row for row in draft.read(attempts).to_pylist() if row["question_id"] in key_of]
    shards = [rows[at : at + ATTEMPTS_PER_SHARD] for at in range(0, len(rows), ATTEMPTS_PER_SHARD)] or [[]]
    rewards: list[Row] = []
    with equality(checks, draft.cache) as compare:

        def checked(shard: list[Row], progress: Progress) -> tuple[list[Row], list[Row]]:
            return _checked(draft, checks, compare, shard, key_of)

        for _, made in each_shard(draft, (ANSWERS, REWARDS), shards, checked, size=len, unit="attempts"):
            rewards += made
    decided = [row["reward"] for row in rewards if row["reward"] is not None]
    right = sum(decided) / len(decided) if decided else None
    return {"right": right, "undecided": len(rewards) - len(decided)}


def _checked(
    draft: Draft, checks: Answers, compare: Compare, attempts: Sequence[Row], key_of: dict[str, str]
) -> tuple[list[Row], list[Row]]:
    found = [answer_of(attempt["text"], checks) for attempt in attempts]
    usable = [usable_answer(f, attempt["finish_reason"], checks) for f, attempt in zip(found, attempts, strict=True)]
    asked = [(key_of[a["question_id"]], form) for a, form in zip(attempts, usable, strict=True) if form is not None]
    outcomes = iter(compare(asked))
    answers: list[Row] = []
    rewards: list[Row] = []
    for attempt, answer, form in zip(attempts, found, usable, strict=True):
        outcome = Outcome.DIFFERENT if form is None else next(outcomes)
        answers.append(
            {"id": draft.row_id(ANSWERS, attempt["id"]), "attempt_id": attempt["id"], "answer": answer.text}
            | {
                "question_id": attempt["question_id"],
                "canonical": canonical(answer.text) if form is not None else None,
            }
            | {"source": answer.source, "valid": form is not None, "answer_class": -1}
            | {"invalid_reason": why_invalid(attempt) if form is None else None}
        )
        rewards.append(
            {"id": draft.row_id(REWARDS, attempt["id"]), "row_id": attempt["id"], "judge": "reference"}
            | {"reward": REWARD[outcome]}
        )
    return answers, rewards
