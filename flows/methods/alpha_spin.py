"""alpha-SPIN (Alami et al. 2024, arXiv 2404.04291): SPIN, steadied by the base and by opponents of before.

A round is SPIN's. A KL to the base comes to a mixture in the place of the opponent: the log-ratios are against
(1 - a) log pi_champion + a log pi_base, a being `base_share`; a = 0 is SPIN, a = 1 a fixed reference. Fictitious play
holds the candidate against a history of opponents: `train.previous_rounds` = h - 1 trains on the attempts of the
champion and of the h - 1 rounds before alike.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.methods.spin import SpinRecipe
from flows.round import Round
from tasks.pair_gold import pair_gold
from tasks.solve import solve


class AlphaSpinRecipe(SpinRecipe):
    @model_validator(mode="after")
    def the_reference_is_a_mixture(self) -> Self:
        for name in self.train.methods:
            if getattr(self.train.of(name), "reference", None) != "mixture":
                raise ValueError(
                    f"train.{name}: method = 'alpha_spin' needs reference = 'mixture' and base_share; "
                    "without them it is method = 'spin'"
                )
        return self


def alpha_spin(r: Round[AlphaSpinRecipe]) -> None:
    """One round, top to bottom."""
    attempts = r.play(solve, questions=r.brought.tables["inputs/gold"])
    learn(r, r.play(pair_gold, r.brought, attempts))
