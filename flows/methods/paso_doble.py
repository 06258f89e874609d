"""PasoDoble (arXiv 2511.11881): two policies of one base, a proposer that writes problems and a solver.

The proposer reads a passage and writes a problem with a worked solution; the solver, who sees the problem alone,
earns 1 for the solution's answer. A problem earns the more, the rarer it is solved above a fifth of the time, if it
resembles few of the last 100. A wave in which no problem is in the band, or no proposal better than another of its
passage, trains nobody.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import Pose, RewardProposer, SuccessBand
from schemas.recipe import Data, Documents, Model, OwnModels
from schemas.settings import AnswerLimits, Solve
from tasks.advantage import advantage
from tasks.check import check
from tasks.pose import pose
from tasks.reward_proposer import reward_proposer
from tasks.solve import solve


class Passages(Data):
    documents: Documents
    """What problems are written from."""


class TwoPolicies(OwnModels):
    proposer: Model


class PasoDobleRecipe(OnlineRecipe):
    trained_on = ("solve", "pose")
    data: Passages
    models: TwoPolicies
    pose: Pose
    solve: Solve
    reward_proposer: RewardProposer
    band: SuccessBand
    validation: AnswerLimits


def paso_doble(r: Round[PasoDobleRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> dict[str, StageRecord]:
        posed = w.play(pose, r.brought)
        attempts = w.play(solve, posed, wave=None)  # its questions are the wave's already
        checked = w.play(check, posed, attempts)
        earned = w.play(
            reward_proposer, posed, attempts, checked, dropped=posed.tables["dropped"],
            earlier=(*r.every("questions"), *w.earlier("questions")),
        )  # fmt: skip
        built = {
            "solver": w.play(advantage, checked, samples=attempts.tables["attempts"], band=r.recipe.band),
            "proposer": w.play(advantage, earned, samples=posed.tables["proposals"], label="proposer"),
        }
        return built if all(record.figures["kept"] for record in built.values()) else {}

    learn_online(r, wave)
