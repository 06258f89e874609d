"""Reward agents: what proposer, solver and judge earn, by the judge's scores and by the form of what they wrote."""

from collections import defaultdict
from typing import Any

from schemas.manifest import TableRef
from schemas.posing import Pose
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.table import writes
from tasks.checks.appraising import form_of, mean_score, proposer_earns, solver_earns
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(REWARDS)
def reward_agents(
    draft: Draft,
    *,
    posing: Pose,
    checks: Answers,
    proposals: TableRef,
    questions: TableRef,
    dropped: TableRef,
    attempts: TableRef,
    quality: TableRef,
    scores: TableRef,
) -> dict[str, Any]:
    """Write `rewards` of proposals, of attempts at their questions, and of the appraisals of both (`quality` of
    questions, `scores` of attempts). A proposal without a question (`dropped`) earns 0; one whose question repeats a
    protected row, or that nobody could score, null, as does such an attempt. Nothing that is about a probe row has a
    reward."""
    asked = {row["proposal_id"]: row["id"] for row in draft.read(questions).to_pylist()}
    said = [row for row in draft.read(attempts).to_pylist() if row["question_id"] in {*asked.values()}]
    score_of, solved = _scores(draft, scores), defaultdict(list)
    for attempt in said:
        solved[attempt["question_id"]].append(score_of.get(attempt["id"]))
    quality_of = _scores(draft, quality)
    refused = [row for row in draft.read(dropped).to_pylist() if row["reason"].startswith("contaminated_")]
    apart = {proposal for row in refused for proposal in row["parents"]}
    found: dict[str, tuple[str, float | None]] = {}
    for row in draft.read(proposals).to_pylist():
        reward = None if row["id"] in apart else 0.0
        if question := asked.get(row["id"]):
            good, mean = quality_of.get(question), mean_score(solved[question])
            unknown = good is None or (question in solved and solved[question] and mean is None)
            form = form_of(row["text"], posing.pattern) or 1.0  # what the prompt had begun is not in the text
            reward = None if unknown or good is None else proposer_earns(good, mean, form)
        found[row["id"]] = ("proposer", reward)
    for row in said:
        score = score_of.get(row["id"])
        form = form_of(row["text"], checks.pattern or "")
        found[row["id"]] = ("judge", None if score is None else solver_earns(score, form))
    judged = {row["id"] for row in said} | {*asked.values()}
    for row in [*draft.read(quality).to_pylist(), *draft.read(scores).to_pylist()]:
        if row["row_id"] in judged:
            found[row["id"]] = ("form", row["form"])
    draft.write(
        REWARDS,
        [
            {"id": draft.row_id(REWARDS, name), "row_id": name, "judge": judge, "reward": reward}
            for name, (judge, reward) in found.items()
        ],
    )
    return {
        "mean_reward": {
            by: mean_score(reward for judge, reward in found.values() if judge == by) or 0.0
            for by in ("proposer", "judge", "form")
        }
    }


def _scores(draft: Draft, appraisals: TableRef) -> dict[str, float | None]:
    """Of each row that was appraised, the mean."""
    found = defaultdict(list)
    for row in draft.read(appraisals).to_pylist():
        found[row["row_id"]].append(row["score"])
    return {name: mean_score(of) for name, of in found.items()}
