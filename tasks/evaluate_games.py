"""Evaluate, where benchmarks are games: one checkpoint against the frozen base, and the best response to itself.

What a model wins against itself says nothing: that a seat gained, the other lost.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.evaluations import EVALUATIONS
from schemas.games import EvaluateGames, GameBenchmark, Games
from schemas.manifest import CheckpointRef, TableRef
from schemas.settings import Answers
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.audit.scores import score
from tasks.engines.staged import engine_of_stage
from tasks.games.estimated import estimated
from tasks.games.exact import best_responses, by_best_response, exploitability
from tasks.games.openspiel import game_of
from tasks.games.playing import Asked, Match, Player, Said, by_model, noise_of, play_out
from tasks.games.starts import WON, outcome_of, seat_of, start_of
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]


@writes(EVALUATIONS)
def evaluate(
    draft: Draft,
    *,
    settings: EvaluateGames,
    games: Games,
    checks: Answers,
    benchmarks: tuple[GameBenchmark, ...],
    solver: Role,
    base: CheckpointRef,
    benchmark_items: TableRef,
    sealed: str = "",
) -> dict[str, Any]:
    """Write `evaluations`, a game each, correct if the checkpoint won; the figure `scores` holds a Score a benchmark.
    Sealed benchmarks are not touched, unless one is named: then it alone is, and the reading is noted.

    Moves are sampled as in training: a greedy player would be another policy, and one that bluffs never. Its noise
    is the item's own, so that checkpoints differ by their policies alone. Where the best response is an opponent,
    `exploitability` says what it wins a game, over both seats: exact by OpenSpiel for the policy in the figure
    `policy`, which is what samples of every state show of the legal moves.
    """
    items: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(benchmark_items).to_pylist():
        if row["benchmark"] == sealed if sealed else not row["sealed"]:
            items[row["benchmark"]].append(row)
    opponents = {benchmark.name: benchmark.opponent for benchmark in benchmarks if benchmark.name in items}
    if sealed:
        draft.note_reading(sealed, solver.model)
    game, figures = game_of(games), dict[str, Any]()

    def asked_of(role: Role) -> Player:
        def player(asked: Sequence[Asked]) -> list[Said]:
            with engine_of_stage(draft, role) as generator:  # the memory has room for one
                return by_model(generator, role.prompt, games, game)(asked)

        return player

    players = {"self": asked_of(solver), "base": asked_of(solver.by(base))}
    with engine_of_stage(draft, solver) as generator:
        by = {"checkpoint": solver.model.digest, "verified": generator.identity is None}
        if "best_response" in opponents.values():
            policy, illegal = estimated(generator, solver.prompt, games, checks, game, settings.samples_per_state)
            words = {action: word for word, action in games.moves.items()}
            players["best_response"] = by_best_response(best_responses(game, policy), words)
            figures = {"exploitability": exploitability(game, policy), "illegal": illegal, "policy": policy}
            figures |= {"samples_per_state": settings.samples_per_state}

    def play(shard: list[Row], progress: Progress) -> tuple[list[Row]]:
        matches = [_match(game.start(start_of(item)), item, opponents[item["benchmark"]]) for item in shard]
        play_out(game, games, checks, matches, players, progress)
        return ([_row(draft, item, match) | by for item, match in zip(shard, matches, strict=True)],)

    size, found = settings.games_per_shard, list[Row]()
    work = [rows[i : i + size] for rows in items.values() for i in range(0, len(rows), size)]
    for (rows,) in each_shard(draft, (EVALUATIONS,), work, play, unit="games", size=len):
        found += rows
    scores = {name: score(found, name).model_dump() for name in items}
    return {"scores": scores} | figures


def work(settings: EvaluateGames, games: Games, rows: Mapping[str, int]) -> Work:
    """Every turn of every game, and the samples of what each seat may know."""
    played = of_rows(rows["benchmark_items"], rows["benchmark_items"] * games.max_turns, games.sampling.max_tokens)
    sampled = settings.samples_per_state * len(game_of(games).knowing)
    return replace(played, tokens=played.tokens + sampled * games.sampling.max_tokens)


def _match(state: Any, item: Row, opponent: str) -> Match:
    seats = ("self", opponent) if seat_of(item) == 0 else (opponent, "self")
    return Match(item["id"], noise_of("moves", item["question"]), seats, state)


def _row(draft: Draft, item: Row, match: Match) -> Row:
    answer, last = outcome_of(match.returns[seat_of(item)]), match.turns[-1].said.finish_reason
    return {
        "id": draft.row_id(EVALUATIONS, item["id"], True, 0), "benchmark": item["benchmark"], "item_id": item["id"],
        "greedy": True, "sample": 0, "text": "\n".join(f"{turn.seat}: {turn.said.text}" for turn in match.turns),
        "answer": answer, "reference": item["reference"], "correct": answer == WON and match.ended != "unanswered",
        "num_tokens": sum(turn.said.num_tokens for turn in match.turns),
        "finish_reason": {"turn_limit": "length", "unanswered": last}.get(match.ended, "stop"),
    }  # fmt: skip
