"""Reward exploration: a right answer and the steps that led to it, each with its weight (RLSP, arXiv 2502.06773)."""

from typing import Any

from schemas.exploration import RewardExploration as Settings
from schemas.manifest import TableRef
from schemas.pattern import number_of_matches
from schemas.rewards import REWARDS
from schemas.table import writes
from tasks.statistics.exploration import blended, exploration
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(REWARDS)
def reward_exploration(draft: Draft, *, settings: Settings, attempts: TableRef, rewards: TableRef) -> dict[str, Any]:
    """Write `rewards` of attempts that a judge ruled on (`rewards`: 1 right, 0 wrong). What is undecided stays so."""
    correct_of = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()}
    rows, steps = list[Row](), {0.0: list[int](), 1.0: list[int]()}
    for attempt in draft.read(attempts).to_pylist():
        if attempt["id"] not in correct_of:
            continue
        reward, correct = None, correct_of[attempt["id"]]
        if correct is not None:
            steps[correct].append(count := number_of_matches(settings.step, attempt["text"], settings.most_steps))
            explored = exploration(count, settings.most_steps, settings.exponent)
            reward = blended(correct, explored, settings.correctness)
        rows.append(
            {"id": draft.row_id(REWARDS, attempt["id"]), "row_id": attempt["id"], "judge": "exploration"}
            | {"reward": reward}
        )
    draft.write(REWARDS, rows)
    given = [row["reward"] for row in rows if row["reward"] is not None]
    return {
        "mean_reward": sum(given) / len(given) if given else None,
        "steps_right": sum(steps[1.0]) / len(steps[1.0]) if steps[1.0] else None,
        "steps_wrong": sum(steps[0.0]) / len(steps[0.0]) if steps[0.0] else None,
    }
