"""How a method of votes asks: its sections, and attempts no further than the label needs."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from pydantic import model_validator

from flows.round import Round
from schemas.manifest import StageRecord, TableRef, ValidRows
from schemas.recipe import Recipe, Seeded
from schemas.settings import Propose, Select, Solve, Vote
from tasks.solve import solve
from tasks.vote import vote_ahead


class VotedRecipe(Recipe):
    votes = True
    solve: Solve
    vote: Vote = Vote()
    select: Select

    @model_validator(mode="after")
    def early_stopping_knows_the_vote(self) -> Self:
        if self.solve.early_stopping and self.vote.rule != "classes":
            raise ValueError("solve.early_stopping goes with vote.rule = 'classes'")
        if self.solve.early_stopping and (self.vote.min_share or self.select.top_share):
            raise ValueError("solve.early_stopping does not go with vote.min_share or select.top_share")
        return self


class ProposedRecipe(VotedRecipe):
    data: Seeded
    propose: Propose


def attempted(
    r: Round[Any], questions: TableRef | ValidRows, play: Callable[..., StageRecord] | None = None
) -> StageRecord:
    """Attempts at the questions and, blind, at the probe's; checks are made meanwhile. `play`: a wave's, or else the
    round's."""
    recipe = r.recipe
    ahead = partial(vote_ahead, recipe.vote, recipe.answers)
    return (play or r.play)(
        solve, questions=questions, probe=r.brought.tables["inputs/probe"],
        stops_for=recipe.select if recipe.solve.early_stopping else None,
        beside=ahead if recipe.answers.equivalence == "math" else None,  # forms alone leave nothing to prepare
    )  # fmt: skip
