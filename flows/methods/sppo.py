"""SPPO: self-play preference optimization (Wu et al. 2024, arXiv 2405.00675): the model's answers against each other.

The champion answers the user's questions several times each, a judge says of every two answers which is better, and
the best is paired with the worst. The loss regresses each answer's log-ratio to the champion on (w - 1/2) / beta, w
being its win rate over all answers to its question. The paper's judge is a preference model (PairRM); here it is
whoever [prefer] asks, in both orders of every two, and it is measured on the probe.
"""

from flows.learn import learn
from flows.methods.preferring import PreferredRecipe, preferred
from flows.round import Round


class SppoRecipe(PreferredRecipe):
    trains_by = ("sppo", "dpo", "kto")


def sppo(r: Round[SppoRecipe]) -> None:
    """One round, top to bottom."""
    learn(r, preferred(r))
