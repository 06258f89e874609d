"""Measure judge: what its rewards are worth, by an exact check of the very attempts. No reward is made of this."""

from typing import Any

from schemas.grades import FORMAL_VERDICTS
from schemas.manifest import TableRef
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.equality import equality
from tasks.checks import grading
from tasks.statistics.intervals import wilson
from tasks.statistics.judges import rates
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(FORMAL_VERDICTS)
def measure_judge(
    draft: Draft,
    *,
    checks: Answers,
    tasks: TableRef,
    attempts: TableRef,
    rewards: TableRef,
    probe_grades: TableRef,
) -> dict[str, Any]:
    """Write `formal_verdicts`, one an attempt at a task, once the judge has ruled on it.

    `precision_of_yes` is the share of accepted attempts that are right, `recall_of_right` the share of right ones
    that are accepted; both of the tasks, and of the probe. The mean reward is accuracy (1 - false_negative) +
    (1 - accuracy) false_positive.
    """
    reference_of = {row["id"]: row["reference"] for row in draft.read(tasks).to_pylist()}
    given = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()}
    asked = [row for row in draft.read(attempts).to_pylist() if row["id"] in given]
    with equality(checks, draft.cache) as compare:
        ruled = [grading.is_right(reference_of[row["question_id"]], row, checks, compare) for row in asked]
    rows = [
        {"id": draft.row_id(FORMAL_VERDICTS, row["id"]), "attempt_id": row["id"], "question_id": row["question_id"]}
        | {"reward": given[row["id"]], "right": right, "correct": grading.is_correct(given[row["id"]], right)}
        for row, right in zip(asked, ruled, strict=True)
    ]
    draft.write(FORMAL_VERDICTS, rows)
    return {
        **_precision_and_recall(rows),
        **{f"{name}_on_probe": s for name, s in _precision_and_recall(draft.read(probe_grades).to_pylist()).items()},
        **rates(rows)._asdict(),
    }


def _precision_and_recall(rows: list[Row]) -> dict[str, Any]:
    decided = [row for row in rows if row["correct"] is not None]
    accepted, right = [row for row in decided if row["right"] == row["correct"]], [r for r in decided if r["right"]]
    both = sum(row["right"] for row in accepted)
    scores = {"precision_of_yes": wilson(both, len(accepted)), "recall_of_right": wilson(both, len(right))}
    return {name: score.model_dump() for name, score in scores.items()}
