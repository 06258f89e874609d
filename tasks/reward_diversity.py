"""Reward diversity: what each proposal earns for a question that is unlike the others of its wave and the pool's."""

from typing import Any

from schemas.manifest import TableRef, ValidRows
from schemas.posing import RewardDiversity as Settings
from schemas.rewards import REWARDS
from schemas.table import writes
from tasks.novelty.embeddings import diversities, embedded
from tasks.shown import questions_of
from tasks.store.draft import Draft

DECIMALS = 6  # of a diversity: behind them the order of sums shows


@writes(REWARDS)
def reward_diversity(
    draft: Draft,
    *,
    settings: Settings,
    proposals: TableRef,
    questions: TableRef,
    seeds: TableRef,
    pool: ValidRows,
) -> dict[str, Any]:
    """Write `rewards` of proposals: `weight` times the diversity of the question, 0 for one that gave none."""
    asked = draft.read(questions).to_pylist()
    known = [row["question"] for row in questions_of(seeds, pool, draft)]
    found = diversities(embedded([row["question"] for row in asked]), embedded(known))
    diversity_of = {row["proposal_id"]: round(each, DECIMALS) for row, each in zip(asked, found, strict=True)}
    draft.write(
        REWARDS,
        [
            {"id": draft.row_id(REWARDS, "diversity", name), "row_id": name, "judge": "diversity"}
            | {"reward": settings.weight * diversity_of.get(name, 0.0)}
            for name in draft.read(proposals)["id"].to_pylist()
        ],
    )
    return {"mean_diversity": sum(diversity_of.values()) / len(diversity_of) if diversity_of else None}
