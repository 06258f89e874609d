"""Reward proposer: what each proposal earns from how often the solver was right at its question."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from schemas.manifest import TableRef
from schemas.posing import RewardProposer as Settings
from schemas.rewards import REWARDS
from schemas.table import writes
from tasks.novelty.diversity import LAST, diversity, word_set
from tasks.statistics.difficulty import COUNTED_REWARDS_OF, DIVERSE_REWARDS_OF, REWARDS_OF
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
    earlier: tuple[TableRef, ...] = (),
    quality: TableRef | None = None,
    verdicts: TableRef | None = None,
) -> dict[str, Any]:
    """Write `rewards` of proposals, by the share of decided attempts at their questions that were right (`rewards` of
    attempts). One that gave no question (`dropped`) earns `invalid`. One whose attempts are all undecided earns null,
    and so does one whose question repeats a protected row: a policy is told nothing of benchmarks. `earlier`:
    questions of earlier waves and rounds, for a reward that looks at how few of the last it resembles.
    `verdicts`: instead of who was right, the share of all attempts that gave the most frequent answer, if two did;
    for a reward of COUNTED_REWARDS_OF, of those with an answer.
    `quality`: rewards of the same attempts by another judge, whose mean at a question is added to what it earns.
    """
    made = draft.read(attempts).to_pylist()
    marks, bonus = (_by_question(draft, made, ref) for ref in (rewards, quality))
    success_at = {question: _mean(of) for question, of in marks.items()}
    counted = settings.reward in COUNTED_REWARDS_OF
    success_at = success_at if verdicts is None else _agreed(draft, verdicts, of_answers=counted)
    planned = {row["question_id"]: row["num_planned"] for row in made}
    lengths = _lengths(made, settings.length) if settings.length else {}
    asked = sorted(draft.read(questions).to_pylist(), key=lambda row: int(row["position"]))
    question_of = {row["proposal_id"]: row["id"] for row in asked}
    diverse = _diversity(draft, asked, earlier) if settings.reward in DIVERSE_REWARDS_OF else {}
    refused = [row for row in draft.read(dropped).to_pylist() if row["reason"].startswith("contaminated_")]
    apart = {proposal for row in refused for proposal in row["parents"]}
    rows, success = list[Row](), list[float]()

    def earns(question: str, p: float) -> float:
        if counted:
            return COUNTED_REWARDS_OF[settings.reward](p, planned[question])
        if diverse:
            return DIVERSE_REWARDS_OF[settings.reward](p, diverse[question])
        return REWARDS_OF[settings.reward](p)

    for proposal in draft.read(proposals)["id"].to_pylist():
        reward: float | None = None if proposal in apart else settings.invalid
        if question := question_of.get(proposal):
            share = success_at.get(question)
            success += [] if share is None else [share]
            reward = None if share is None else earns(question, share) + lengths.get(question, 0)
            if quality and reward is not None:
                reward = reward + _mean(bonus[question]) if bonus[question] else None
        rows.append({"id": draft.row_id(REWARDS, proposal), "row_id": proposal, "judge": "solver", "reward": reward})
    draft.write(REWARDS, rows)
    given = [row["reward"] for row in rows if row["reward"] is not None]
    figures = {
        "mean_success": _mean(success) if success else None,
        "mean_reward": _mean(given) if given else None,
        "invalid": len(rows) - len(question_of) - len(apart),
    }
    return figures | ({"mean_diversity": _mean(list(diverse.values()))} if diverse else {})


def _agreed(draft: Draft, verdicts: TableRef, *, of_answers: bool) -> dict[str, float]:
    """Question -> share of the attempts, or of their answers, behind the most frequent answer; an answer that only
    one gave is none."""
    rows, share = draft.read(verdicts).to_pylist(), "agreement_valid" if of_answers else "agreement"
    return {row["question_id"]: row[share] if row["votes"] > 1 else 0.0 for row in rows if not row["undecided"]}


def _lengths(attempts: Sequence[Row], longest: int) -> dict[str, float]:
    """Question -> mean tokens of the attempts at it, as a share of the longest that pays."""
    found = defaultdict(list)
    for attempt in attempts:
        found[attempt["question_id"]].append(float(attempt["num_tokens"]))
    return {question: min(_mean(of), longest) / longest for question, of in found.items()}


def _by_question(draft: Draft, attempts: Sequence[Row], rewards: TableRef | None) -> dict[str, list[float]]:
    """What the attempts at each question got, where that was decided."""
    reward_of = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()} if rewards else {}
    found = defaultdict(list)
    for attempt in attempts:
        if (reward := reward_of.get(attempt["id"])) is not None:
            found[attempt["question_id"]].append(reward)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _diversity(draft: Draft, asked: Sequence[Row], earlier: tuple[TableRef, ...]) -> dict[str, float]:
    """Of each question, against the last that were posed before it."""
    before = [row for ref in earlier for row in draft.read(ref).sort_by("position").to_pylist()]
    last = deque((word_set(row["question"]) for row in before[-LAST:]), LAST)
    found: dict[str, float] = {}
    for row in asked:
        words = word_set(row["question"])
        found[row["id"]] = diversity(words, last)
        last.append(words)
    return found
