"""SPIN: self-play fine-tuning (Chen et al. 2024, arXiv 2401.01335): gold answers against the model's own.

The champion, as the opponent, answers the questions of a labelled set; the candidate learns to prefer the gold
answer. `train.previous_rounds` = 1 trains on the opponent of the round before, too: the paper's mixing rule.
alpha_spin.py holds the candidate against a mixture of champion and base.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.round import Round
from schemas.recipe import Data, Recipe, SolvedRows
from schemas.settings import PairGold, PairLimits, Solve
from tasks.pair_gold import pair_gold
from tasks.solve import solve


class Gold(Data):
    gold: SolvedRows
    """Problems with worked solutions: what the model should come to answer by itself."""


class SpinRecipe(Recipe):
    trains_by = ("spin", "dpo", "sppo", "rspo", "kto")
    data: Gold
    solve: Solve
    pair_gold: PairGold
    validation: PairLimits

    @model_validator(mode="after")
    def the_opponent_is_the_champion(self) -> Self:
        if self.is_taught:
            raise ValueError(
                f"engine.model does not go with method = '{self.method}', which needs the champion's own attempts"
            )
        if self.solve.early_stopping:
            raise ValueError(f"solve.early_stopping does not go with method = '{self.method}': nobody selects")
        if self.train.base_samples:
            raise ValueError(
                f"regularizer = 'base_samples' does not go with method = '{self.method}': the base is not asked"
            )
        return self


def spin(r: Round[SpinRecipe]) -> None:
    """One round, top to bottom."""
    attempts = r.play(solve, questions=r.brought.tables["inputs/gold"])
    learn(r, r.play(pair_gold, r.brought, attempts))
