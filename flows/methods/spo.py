"""SPO: self-play preference optimization by the minimax winner (Swamy et al. 2024, arXiv 2401.04056).

In waves: the policy of that moment answers each question several times, a judge compares every two answers, and an
answer's reward is its share of wins over the others, for any policy gradient. One policy that plays itself suffices,
the preference being symmetric; no reward model is needed, and a preference that goes in a circle pays all the same.
The paper's tasks are of continuous control, with a queue of recent trajectories to compare with.
"""

from typing import Self

from pydantic import model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.curriculum import SolveByCurriculum
from schemas.manifest import StageRecord
from schemas.preferring import Prefer
from schemas.recipe import Unlabelled
from schemas.rubric import RubricLimits
from schemas.settings import PolicyLimits
from tasks.advantage import advantage
from tasks.prefer import prefer
from tasks.solve import solve


class Limits(RubricLimits, PolicyLimits):
    pass


class SpoRecipe(OnlineRecipe):
    trained_on = ("solve",)
    data: Unlabelled
    solve: SolveByCurriculum
    prefer: Prefer
    validation: Limits

    @model_validator(mode="after")
    def the_reward_is_a_share_of_wins(self) -> Self:
        if self.prefer.reward != "win_share":
            raise ValueError("prefer.reward: method = 'spo' needs 'win_share'")
        return self


def spo(r: Round[SpoRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> StageRecord:
        asked = r.brought.tables
        attempts = w.play(solve, questions=asked["inputs/unlabelled"], probe=asked["inputs/probe"])
        judged = w.play(prefer, attempts, r.brought)
        return w.play(advantage, judged, samples=attempts.tables["attempts"])

    learn_online(r, wave)
