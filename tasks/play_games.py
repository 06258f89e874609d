"""Play games: the model in every seat, against itself. A seat's return is the reward of each of its moves."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from schemas.dropped import DROPPED
from schemas.episodes import EPISODES
from schemas.games import Games
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.table import Table, writes
from schemas.turns import TURNS
from schemas.work import Work, of_rows
from tasks.engines.staged import engine_of_stage
from tasks.games.openspiel import game_of
from tasks.games.playing import Match, by_model, play_out
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]
TABLES = (DROPPED, EPISODES, REWARDS, TURNS)


@writes(*TABLES)
def play_games(
    draft: Draft, *, settings: Games, checks: Answers, solver: Role, round: int, wave: Wave | None = None
) -> dict[str, Any]:
    """Write `episodes`, their `turns`, and `rewards`: of each turn the return of its seat.

    `round` and `wave` make other games of other rounds and waves, by the same weights too. A game in which a request
    has no answer is void: its last turn is `dropped`, and nothing of it is written.
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
            void = [draft.refused(*_last(draft, match)) for match in matches if match.ended == "unanswered"]
            played = [pair for pair in zip(numbers, matches, strict=True) if pair[1].ended != "unanswered"]
            by = {"checkpoint": solver.model.digest, "verified": generator.identity is None}
            moved = [row for _, match in played for row in _turns(draft, match, by)]
            returns = {match.id: match.returns for _, match in played}
            return (
                void,
                [_episode(settings, solver, *pair) for pair in played],
                [_reward(draft, turn, returns[turn["episode_id"]]) for turn in moved],
                moved,
            )

        for _, of_episodes, _, of_turns in each_shard(
            draft, TABLES, shards, play, unit="games", size=len, workers=generator.at_once
        ):
            episodes += of_episodes
            turns.update(row["legal"] for row in of_turns)
    seats = range(game.seats)
    return {
        "ended": dict(sorted(Counter(row["ended"] for row in episodes).items())),
        "illegal": turns[False] / max(1, turns.total()),
        "mean_returns": {
            f"seat_{seat}": sum(row["returns"][seat] for row in episodes) / max(1, len(episodes)) for seat in seats
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


def _last(draft: Draft, match: Match) -> tuple[str, Table, str, None, None, str]:
    """The turn that nobody made, as a row that was refused."""
    turn = match.turns[-1]
    row_id = draft.row_id(TURNS, match.id, turn.number)
    return row_id, TURNS, turn.said.finish_reason, None, None, turn.said.problem


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
