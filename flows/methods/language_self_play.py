"""Language Self-Play (Kuba et al. 2025, arXiv 2509.07414): one policy plays challenger and solver against each other.

The challenger writes a question with its answer; the solver earns R_ij for its j-th attempt at question i. With
V_i = mean_j R_ij the advantages are A_sol = R_ij - V_i and A_ch = mean_k V_k - V_i: what one wins, the other loses.
A score of quality by the frozen base ([grade]) is added to what both earn, which stops nonsense; LSP-Zero is without
it. Both are trained in one update, with a KL to a reference.
"""

from typing import Self

from pydantic import model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import Pose, RewardProposer
from schemas.recipe import AnsweredRows, Data, Documents
from schemas.rubric import Rubric, RubricLimits
from schemas.settings import AnswerLimits, PolicyLimits, Solve
from tasks.advantage import advantage
from tasks.check import check
from tasks.grade import grade
from tasks.pose import pose
from tasks.reward_proposer import reward_proposer
from tasks.solve import solve


class Challenged(Data):
    documents: Documents
    """What the challenger is shown: a kind of question, or an example of one."""
    probe: AnsweredRows | None = None
    """A small labelled set that only measures how often the judge of quality is right."""


class Limits(AnswerLimits, RubricLimits, PolicyLimits):
    pass


class LanguageSelfPlayRecipe(OnlineRecipe):
    trained_on = ("solve", "pose")
    data: Challenged
    pose: Pose
    solve: Solve
    grade: Rubric | None = None
    """How the frozen base grades quality; without it, LSP-Zero."""
    reward_proposer: RewardProposer
    validation: Limits

    @model_validator(mode="after")
    def a_judge_is_measured(self) -> Self:
        if (self.grade is None) != (self.data.probe is None):
            raise ValueError("[grade] and [data.probe] go together: the judge of quality is measured on the probe")
        return self


def language_self_play(r: Round[LanguageSelfPlayRecipe]) -> None:
    """One round, top to bottom."""
    rubric = r.recipe.grade
    probe = r.brought.tables["inputs/probe"] if rubric else None

    def wave(w: Wave) -> dict[str, StageRecord]:
        posed = w.play(pose, r.brought)
        attempts = w.play(solve, posed, probe=probe, wave=None)  # its questions are the wave's already
        checked = w.play(check, posed, attempts)
        quality = None
        if rubric:
            graded = w.play(grade, r.brought, posed, attempts, judge=r.role(rubric).by(r.base))
            quality = graded.tables["rewards"]
        earned = w.play(
            reward_proposer, posed, attempts, checked, dropped=posed.tables["dropped"], quality=quality
        )  # fmt: skip
        return {
            "solver": w.play(advantage, checked, samples=attempts.tables["attempts"], added=quality),
            "proposer": w.play(
                advantage, earned, samples=posed.tables["proposals"], label="proposer", one_group=True
            ),
        }  # fmt: skip

    learn_online(r, wave)
