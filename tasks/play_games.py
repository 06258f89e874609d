"""Play games: the model in every seat, against itself. A seat's return is the reward of each of its moves."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from schemas.episodes import EPISODES
from schemas.games import Games
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.table import writes
from schemas.turns import TURNS
from schemas.work import Work, of_rows
from tasks.engines import calls_at_once
from tasks.engines.staged import engine_of_stage
from tasks.games.openspiel import game_of
from tasks.games.playing import Match, by_model, play_out
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]
TABLES = (EPISODES, REWARDS, TURNS)


@writes(*TABLES)
def play_games(
    draft: Draft, *, settings: Games, checks: Answers, solver: Role, round: int, wave: Wave | None = None
) -> dict[str, Any]:
    """Write `episodes`, their `turns`, and `rewards`: of each turn the return of its seat.

    `round` and `wave` make other games of other rounds and waves, by the same weights too.
    """
    game, number_of_wave = game_of(settings), wave[0] if wave else 0
    size = settings.episodes_per_shard
    shards = [range(first, min(first + size, settings.episodes)) for first in range(0, settings.episodes, size)]
    episodes: list[Row] = []
    turns: Counter[bool] = Counter()
    with engine_of_stage(draft, solver) as generator:
        player = by_model(generator, solver.prompt, settings, game)

        def play(numbers: Sequence[int], progress: Progress) -> tuple[list[Row], ...]:
            matches = [
                Match(
                    id=draft.row_id(EPISODES, number),
                    noise=draft.random_seed("moves", number_of_wave, number),
                    seats=("self",) * game.seats,
                    state=game.start(draft.random_seed("start", number_of_wave, number)),
                )
                for number in numbers
            ]
            play_out(game, settings, checks, matches, {"self": player}, progress)
            by = {"checkpoint": solver.model.digest, "verified": generator.identity is None}
            moved = [row for match in matches for row in _turns(draft, match, by)]
            returns = {match.id: match.returns for match in matches}
            return (
                [_episode(settings, solver, *pair) for pair in zip(numbers, matches, strict=True)],
                [_reward(draft, turn, returns[turn["episode_id"]]) for turn in moved],
                moved,
            )

        for of_episodes, _, of_turns in each_shard(
            draft, TABLES, shards, play, unit="games", size=len, workers=calls_at_once(solver.engine, draft.executor)
        ):
            episodes += of_episodes
            turns.update(row["legal"] for row in of_turns)
    seats = range(game.seats)
    return {
        "ended": dict(sorted(Counter(row["ended"] for row in episodes).items())),
        "illegal": turns[False] / turns.total(),
        "mean_returns": {
            f"seat_{seat}": sum(row["returns"][seat] for row in episodes) / len(episodes) for seat in seats
        },
    }


def work(settings: Games) -> Work:
    return of_rows(settings.episodes * settings.max_turns, longest=settings.sampling.max_tokens)


def _episode(settings: Games, solver: Role, number: int, match: Match) -> Row:
    return {
        "id": match.id, "game": settings.game, "number": number, "start": match.state.start,
        "seats": [solver.model.digest] * len(match.seats), "returns": list(match.returns), "ended": match.ended,
        "turns": len(match.turns),
    }  # fmt: skip


def _turns(draft: Draft, match: Match, by: Row) -> list[Row]:
    return [
        {"id": draft.row_id(TURNS, match.id, turn.number), "episode_id": match.id}
        | {"number": turn.number, "seat": turn.seat, "action": turn.action, "legal": turn.legal}
        | turn.said._asdict()
        | by
        for turn in match.turns
    ]


def _reward(draft: Draft, turn: Row, returns: Sequence[float]) -> Row:
    judged = {"row_id": turn["id"], "judge": "game", "reward": returns[turn["seat"]]}
    return {"id": draft.row_id(REWARDS, turn["id"])} | judged
