"""Reward proposer: what each proposal earns from how often the solver was right at its question."""

from collections import defaultdict
from typing import Any

from schemas.manifest import TableRef
from schemas.posing import RewardProposer as Settings
from schemas.rewards import REWARDS
from schemas.table import writes
from tasks.statistics.difficulty import REWARDS_OF
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(REWARDS)
def reward_proposer(
    draft: Draft,
    *,
    settings: Settings,
    proposals: TableRef,
    questions: TableRef,
    dropped: TableRef,
    attempts: TableRef,
    rewards: TableRef,
) -> dict[str, Any]:
    """Write `rewards` of proposals, by the share of decided attempts at their questions that were right (`rewards` of
    attempts). One that gave no question (`dropped`) earns `invalid`. One whose attempts are all undecided earns null,
    and so does one whose question repeats a protected row: a policy is told nothing of benchmarks."""
    reward_of = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()}
    marks = defaultdict(list)
    for attempt in draft.read(attempts).to_pylist():
        if (mark := reward_of.get(attempt["id"])) is not None:
            marks[attempt["question_id"]].append(mark)
    question_of = {row["proposal_id"]: row["id"] for row in draft.read(questions).to_pylist()}
    refused = [row for row in draft.read(dropped).to_pylist() if row["reason"].startswith("contaminated_")]
    apart = {proposal for row in refused for proposal in row["parents"]}
    earns, rows, success = REWARDS_OF[settings.reward], list[Row](), list[float]()
    for proposal in draft.read(proposals)["id"].to_pylist():
        reward: float | None = None if proposal in apart else settings.invalid
        if question := question_of.get(proposal):
            success += [sum(of) / len(of)] if (of := marks[question]) else []
            reward = earns(success[-1]) if of else None
        rows.append({"id": draft.row_id(REWARDS, proposal), "row_id": proposal, "judge": "solver", "reward": reward})
    draft.write(REWARDS, rows)
    given = [row["reward"] for row in rows if row["reward"] is not None]
    return {
        "mean_success": sum(success) / len(success) if success else None,
        "mean_reward": sum(given) / len(given) if given else None,
        "invalid": len(rows) - len(question_of) - len(apart),
    }
