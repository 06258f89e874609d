"""SPICE: self-play in corpus environments (Liu et al. 2025, arXiv 2510.24684).

One policy in two roles. As proposer it reads a document and writes a question with its answer; as solver it sees the
question alone. An attempt earns 1 if it equals the answer that came with the question; a proposal earns the more, the
nearer the solver is to being right half the time. Both are trained in one update, wave by wave.
"""

from typing import Self

from pydantic import model_validator

from flows.learn_online import Wave, learn_online, needs_whole_groups, samples_as_it_is
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import Pose, RewardProposer
from schemas.recipe import Data, Documents, Recipe
from schemas.settings import AnswerLimits, PolicyLimits, Solve
from tasks.advantage import advantage
from tasks.check import check
from tasks.pose import pose
from tasks.reward_proposer import reward_proposer
from tasks.solve import solve


class Read(Data):
    documents: Documents
    """What questions are written from."""


class Limits(AnswerLimits, PolicyLimits):
    pass


class SpiceRecipe(Recipe):
    trains_by = ("policy",)
    data: Read
    pose: Pose
    solve: Solve
    reward_proposer: RewardProposer
    validation: Limits

    @model_validator(mode="after")
    def the_policy_speaks_as_it_is(self) -> Self:
        needs_whole_groups(self.solve)
        if not samples_as_it_is(self.pose.sampling):
            raise ValueError("pose.sampling: temperature = 1, top_p = 1, top_k = 0 and presence_penalty = 0")
        return self


def spice(r: Round[SpiceRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> tuple[StageRecord, StageRecord]:
        """A wave's share of the documents: asked about, answered and valued by the policy of that moment."""
        posed = w.play(pose, r.brought)
        attempts = w.play(solve, posed, wave=None)  # its questions are the wave's already
        checked = w.play(check, posed, attempts)
        earned = w.play(reward_proposer, posed, attempts, checked)
        return (
            w.play(advantage, checked, samples=attempts.tables["attempts"]),
            w.play(advantage, earned, samples=posed.tables["proposals"], label="proposer"),
        )

    learn_online(r, wave)
