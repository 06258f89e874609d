"""SPRec: self-play to debias LLM recommendation (arXiv 2412.09243): SFT, then DPO against the own recommendations.

The champion recommends an item for each user's history, greedily. The candidate is trained on what the users chose,
and then, from there, to prefer it to what the champion recommended: items that it recommends to everybody are the
rejected ones most often, and fall. `answers.pattern` is the catalogue: what it does not match is no item.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.methods.spin import Gold
from flows.round import Round
from schemas.recipe import Recipe
from schemas.settings import ExampleLimits, PairGold, PairLimits, SolveOnce
from tasks.imitate import imitate
from tasks.pair_gold import pair_gold
from tasks.solve import solve
from tasks.spread import spread


class Limits(ExampleLimits, PairLimits):
    pass


class SprecRecipe(Recipe):
    trains_by = ("sft", "dpo")
    data: Gold
    solve: SolveOnce
    pair_gold: PairGold
    validation: Limits

    @model_validator(mode="after")
    def the_recommendations_are_the_champions(self) -> Self:
        self.refuse({"engine.model": self.is_taught}, why="it needs the champion's own recommendations")
        self.refuse({"solve.early_stopping": self.solve.early_stopping}, why="nobody selects")
        other = self.answers.equivalence != "canonical"
        self.refuse({f"answers.equivalence = '{self.answers.equivalence}'": other}, why="an item is its name")
        return self


def sprec(r: Round[SprecRecipe]) -> None:
    """One round, top to bottom."""
    attempts = r.play(solve, questions=r.brought.tables["inputs/gold"])
    r.play(imitate, r.brought)
    learn(r, r.play(pair_gold, r.brought, attempts, items=r.recipe.answers))
    for who in ("champion", "candidate"):
        r.play(spread, r.records[f"evaluate.{who}"], label=who)
