"""RLSP: reinforcement learning via self-play (Ye et al. 2025, arXiv 2502.06773): right answers, and the way to them.

In waves, the policy of the moment answers questions whose answers are known. A right answer earns the greater part
of the reward; the steps that an attempt takes earn the rest, up to a bound. correctness = 1 is the ablation.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.methods.spin import Gold
from flows.round import Round
from schemas.curriculum import SolveByCurriculum
from schemas.exploration import RewardExploration
from schemas.manifest import StageRecord
from schemas.settings import AnswerLimits, PolicyLimits
from tasks.advantage import advantage
from tasks.check import check
from tasks.reward_exploration import reward_exploration
from tasks.solve import solve


class Limits(AnswerLimits, PolicyLimits):
    pass


class RlspRecipe(OnlineRecipe):
    trained_on = ("solve",)
    data: Gold
    solve: SolveByCurriculum
    reward_exploration: RewardExploration
    validation: Limits


def rlsp(r: Round[RlspRecipe]) -> None:
    """One round, top to bottom."""
    gold = r.brought.tables["inputs/gold"]

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions, answered by the policy of that moment."""
        attempts = w.play(solve, questions=gold)
        checked = w.play(check, attempts, gold)
        earned = w.play(reward_exploration, attempts, checked)
        return w.play(advantage, earned, samples=attempts.tables["attempts"])

    learn_online(r, wave)
