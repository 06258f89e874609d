"""SPICE: self-play in corpus environments (Liu et al. 2025, arXiv 2510.24684).

One policy in two roles. As proposer it reads a document and writes a question with its answer; as solver it sees the
question alone. An attempt earns 1 if it equals the answer that came with the question; a proposal earns the more, the
nearer the solver is to being right half the time. Both are trained in one update, wave by wave; with
[models.proposer], two policies play, each trained on what it wrote.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import Pose, RewardProposer
from schemas.recipe import Data, Documents, OwnModels
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


class SpiceRecipe(OnlineRecipe):
    trained_on = ("solve", "pose")
    data: Read
    models: OwnModels = OwnModels()
    pose: Pose
    solve: Solve
    reward_proposer: RewardProposer
    validation: Limits


def spice(r: Round[SpiceRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> dict[str, StageRecord]:
        """A wave's share of the documents: asked about, answered and valued by the policy of that moment."""
        posed = w.play(pose, r.brought)
        attempts = w.play(solve, posed, wave=None)  # its questions are the wave's already
        checked = w.play(check, posed, attempts)
        earned = w.play(reward_proposer, posed, attempts, checked, dropped=posed.tables["dropped"])
        return {
            "solver": w.play(advantage, checked, samples=attempts.tables["attempts"]),
            "proposer": w.play(advantage, earned, samples=posed.tables["proposals"], label="proposer"),
        }

    learn_online(r, wave)
