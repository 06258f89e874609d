"""Games played side by side: all that wait for one player are asked together, until every one is over."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from schemas.games import Games
from schemas.settings import Answers
from schemas.table import UNANSWERED
from tasks.engines import Engine, Message, Request, completed
from tasks.games.game import Game, Returns, State
from tasks.games.moves import move_in, words_for
from tasks.prompts import Prompt


class Asked(NamedTuple):
    """A seat that is to move."""

    match: str
    state: State
    seat: int
    noise: int


class Said(NamedTuple):
    """What a player answered."""

    prompt: str
    text: str
    num_tokens: int
    finish_reason: str
    problem: str = ""
    """Why there is no move, if there is none."""
    prompt_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    same_tokens: bool | None = None


class Turn(NamedTuple):
    number: int
    seat: int
    said: Said
    action: str | None
    legal: bool


Player = Callable[[Sequence[Asked]], list[Said]]


@dataclass
class Match:
    """One game between players, under way or over."""

    id: str
    noise: int
    """All chance in its moves follows from it; that in its cards follows from the state's start."""
    seats: tuple[str, ...]
    """Who sits where."""
    state: State
    turns: list[Turn] = field(default_factory=list)
    returns: Returns = ()
    ended: Literal["", "over", "illegal", "turn_limit", "unanswered"] = ""


def play_out(
    game: Game,
    settings: Games,
    checks: Answers,
    matches: Sequence[Match],
    players: Mapping[str, Player],
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Play every match to its end. A player is asked for as long as any game waits for it, then the next: each may
    need the memory that another has."""
    while any(not match.ended for match in matches):
        for name, player in players.items():
            while waiting := [match for match in matches if _waits_for(game, match, name)]:
                asked = [_asked(game, match) for match in waiting]
                for match, one, said in zip(waiting, asked, player(asked), strict=True):
                    _move(game, settings, checks, match, one.seat, said)
                progress(sum(bool(match.ended) for match in waiting))


def by_model(generator: Engine, prompt: Prompt, settings: Games, game: Game) -> Player:
    """A model that is asked for each move."""

    def moves(asked: Sequence[Asked]) -> list[Said]:
        requests = [
            Request(one.match, rendered(prompt, settings, game, one.state), settings.sampling, one.noise)
            for one in asked
        ]
        return [Said(problem=c.problem, **c.sampled) for c in completed(generator, requests)]

    return moves


def rendered(prompt: Prompt, settings: Games, game: Game, state: State) -> str | tuple[Message, ...]:
    """What a model is asked in a state."""
    seat, observation = game.observe(state)
    return prompt.render(observation=observation, seat=seat, moves=words_for(game.legal(state), settings))


def noise_of(*parts: object) -> int:
    """63 bits that follow from these alone."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def _waits_for(game: Game, match: Match, name: str) -> bool:
    return not match.ended and match.seats[game.observe(match.state)[0]] == name


def _asked(game: Game, match: Match) -> Asked:
    seat, _ = game.observe(match.state)
    return Asked(match.id, match.state, seat, noise_of(match.noise, len(match.turns)))


def _move(game: Game, settings: Games, checks: Answers, match: Match, seat: int, said: Said) -> None:
    action = move_in(said.text, settings, checks)
    legal = action in game.legal(match.state)
    match.turns.append(Turn(len(match.turns), seat, said, action, legal))
    if said.finish_reason in UNANSWERED:  # nobody moved: the game says nothing of either seat
        match.ended, match.returns = "unanswered", (0.0,) * game.seats
        return
    if action is None or not legal:
        match.ended = "illegal"
        match.returns = tuple(settings.illegal if i == seat else settings.other for i in range(game.seats))
        return
    after = game.act(match.state, action)
    if not isinstance(after, State):
        match.ended, match.returns = "over", after
    elif len(match.turns) >= settings.max_turns:
        match.ended, match.returns = "turn_limit", (0.0,) * game.seats
    else:
        match.state = after
