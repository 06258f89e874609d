"""Sections of a recipe whose model plays games."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.section import Count, Name, Section
from schemas.settings import Prompted, Sampling


class Games(Prompted):
    rendered_with: ClassVar[dict[str, Any]] = {"observation": "0", "seat": 0, "moves": ["1"]}

    game: Literal["kuhn_poker", "leduc_poker"]
    """OpenSpiel's name of a game of two seats that take turns, with chance and hidden cards."""
    prompt: str
    """Template that asks for a move: a name in tasks/prompts, or a .jinja path beside the recipe. It is given
    `observation`, OpenSpiel's text of what the seat knows, `seat`, and `moves`, the words that may be said now."""
    moves: dict[str, str]
    """What the model answers -> the game's own name of the action; any other answer is an illegal move. [answers]
    says what marks it."""
    sampling: Sampling
    """How moves are sampled."""
    episodes: Count
    """Games a wave."""
    episodes_per_shard: Count
    """Games that are played side by side and written together."""
    max_turns: Count
    """A game that is not over by then is ended, with 0 for both seats."""
    illegal: float = -1.5
    """Return of the seat that makes an illegal move, which ends the game (SPIRAL's own value)."""
    other: float = 0.5
    """Return of the other seat then (SPIRAL's own value)."""

    @model_validator(mode="after")
    def an_illegal_move_does_not_pay(self) -> Self:
        if self.illegal >= self.other:
            raise ValueError("illegal must be below other: an illegal move would pay")
        return self


class RunningMean(Section):
    decay: Annotated[float, Field(ge=0, lt=1)]
    """How much of a seat's mean return stays at the next game; SPIRAL: 0.95."""


class EvaluateGames(Section):
    engine: ClassVar[None] = None  # candidate and base play each other: by the recipe's engine

    games_per_shard: Count
    """Games of a benchmark that are played side by side and written together."""
    samples_per_state: Count
    """Samples of each of the game's information states from which the checkpoint's policy is estimated, for the best
    response to it."""


class GameBenchmark(Section):
    name: Name
    """What scores of this benchmark are called."""
    opponent: Literal["base", "best_response"]
    """base: the lineage's first weights; best_response: OpenSpiel's exact best response to the checkpoint's own
    policy, as far as samples show it."""
    games: Count
    """Starts of which each is one game; every two share their chances, and the checkpoint sits in each seat once."""
    sealed: bool = False
    """Not played, unless gate.sealed names it: then to confirm a gain."""
