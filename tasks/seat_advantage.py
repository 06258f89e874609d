"""Seat advantage: how much better a game went for a seat than its games before, for a policy gradient.

SPIRAL's role-conditioned advantage (Liu et al. 2025, arXiv 2506.24119): in a game that favours a seat, its returns
alone would say which seat it was and not how well it was played.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.advantages import ADVANTAGES
from schemas.dropped import DROPPED
from schemas.games import RunningMean
from schemas.losses import Policy
from schemas.manifest import CheckpointRef, TableRef
from schemas.table import writes
from schemas.turns import TURNS
from schemas.work import Work, of_rows
from tasks.grouping import length, usable
from tasks.store.draft import Draft
from tasks.training.encoded import refuse_too_many
from tasks.training.valued import advantage_rows, with_log_probs, with_tokens
from tasks.training.weights import load

Row = dict[str, Any]
Seat = tuple[str, int]  # game, seat


@writes(ADVANTAGES, DROPPED)
def seat_advantage(
    draft: Draft,
    *,
    settings: RunningMean,
    policy: Policy,
    model: CheckpointRef,
    reference: CheckpointRef | None,
    episodes: TableRef,
    turns: TableRef,
    rewards: TableRef,
    earlier: tuple[TableRef, ...] = (),
) -> dict[str, Any]:
    """Write `advantages`: each turn has its reward less its seat's mean so far; and `dropped` turns: those whose
    advantage is exactly 0, and those longer than max_length.

    `model`: the policy that played. `earlier`: episodes of the round's waves before, in their order, which the means
    go on from.
    """
    means, baseline_of = dict[Seat, float](), dict[tuple[str, int], float]()
    for ref in (*earlier, episodes):
        for game in sorted(draft.read(ref).to_pylist(), key=lambda row: row["number"]):
            before = baselines(means, game["game"], game["returns"], settings.decay)
            baseline_of |= {(game["id"], seat): baseline for seat, baseline in enumerate(before)}
    game_of = {row["id"]: row["game"] for row in draft.read(episodes).to_pylist()}
    reward_of = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()}
    weights, tokenizer = load(draft.checkpoint(model))
    moved = [
        turn
        | {
            "group": f"{game_of[turn['episode_id']]} seat {turn['seat']}",
            "kept": True,
            "reward": reward_of[turn["id"]],
        }
        | {"advantage": reward_of[turn["id"]] - baseline_of[turn["episode_id"], turn["seat"]]}
        for turn in with_tokens(tokenizer, draft.read(turns).to_pylist())
    ]
    whole, refused = usable(moved, policy.max_length)
    too_long = [length(turn) for turn, reason in refused if reason == "too_long"]
    refuse_too_many("policy", TURNS.name, too_long, len(moved), policy.max_length)
    dropped = [draft.refused(turn["id"], TURNS, reason, length(turn), policy.max_length) for turn, reason in refused]
    dropped += [draft.refused(turn["id"], TURNS, "no_advantage", 0.0) for turn in whole if turn["advantage"] == 0]
    rows = [turn for turn in whole if turn["advantage"] != 0]
    rows = with_log_probs(draft, policy, weights, reference, rows)
    draft.write(ADVANTAGES, advantage_rows(draft, rows, [[row["advantage"]] * len(row["old_logps"]) for row in rows]))
    draft.write(DROPPED, dropped)
    named = {f"{game} seat {seat}": mean for (game, seat), mean in sorted(means.items())}
    return {"turns": len(rows), "baselines": named} | ({"too_long": len(too_long)} if too_long else {})


def work(rows: Mapping[str, int]) -> Work:
    return of_rows(rows["turns"])


def baselines(means: dict[Seat, float], game: str, returns: Sequence[float], decay: float) -> list[float]:
    """Each seat's mean before this game, from 0; the means then move on by its returns. A mean that had seen the
    return already would take a part of every advantage away."""
    before = [means.get((game, seat), 0.0) for seat in range(len(returns))]
    for seat, (mean, value) in enumerate(zip(before, returns, strict=True)):
        means[game, seat] = decay * mean + (1 - decay) * value
    return before
