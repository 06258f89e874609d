"""LADDER (Simonds and Yoshiyama 2025, arXiv 2503.00735): from hard problems down to easier ones.

The champion writes a tree of easier variants of each of the user's problems; answers to variants are checked exactly
(an integral by its derivative, a sum by its value), and a policy gradient trains on them, wave by wave. The problems
themselves are never trained on.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.curriculum import SolveByCurriculum
from schemas.manifest import StageRecord
from schemas.recipe import Data, Rows
from schemas.settings import AnswerLimits, PolicyLimits
from schemas.varying import Vary
from tasks.advantage import advantage
from tasks.check import check
from tasks.solve import solve
from tasks.vary import vary


class Roots(Data):
    seeds: Rows
    """Hard problems, of which variants are made: integrands, or sums."""


class Limits(AnswerLimits, PolicyLimits):
    pass


class LadderRecipe(OnlineRecipe):
    trained_on = ("solve",)
    data: Roots
    vary: Vary
    solve: SolveByCurriculum
    validation: Limits


def ladder(r: Round[LadderRecipe]) -> None:
    """One round, top to bottom."""
    varied = r.play(vary, r.brought)

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the variants, answered by the policy of that moment and checked."""
        attempts = w.play(solve, varied)
        checked = w.play(check, attempts, varied)
        return w.play(advantage, checked, samples=attempts.tables["attempts"])

    learn_online(r, wave)
