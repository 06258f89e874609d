"""CoT-Self-Instruct (Yu et al. 2025, arXiv 2507.23751), on tasks with answers: plan, then a question with its answer.

From a few seeds the champion thinks about their field and difficulty, and writes one question of the kind with its
own answer. Wave by wave the policy answers the questions without seeing that; where most attempts come to it (but not
nearly all: such a question is too easy), it is the label, and a policy gradient trains on the attempts.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import Consistent, PoseFromSeeds
from schemas.recipe import Seeded
from schemas.settings import PolicyLimits, Solve, Vote, VoteLimits
from tasks.advantage import advantage
from tasks.pose import pose
from tasks.select_consistent import select_consistent
from tasks.solve import solve
from tasks.vote import vote


class Limits(VoteLimits, PolicyLimits):
    pass


class CotSelfInstructRecipe(OnlineRecipe):
    trained_on = ("solve",)
    votes = True
    data: Seeded
    pose: PoseFromSeeds
    solve: Solve
    vote: Vote = Vote()
    select_consistent: Consistent
    validation: Limits


def cot_self_instruct(r: Round[CotSelfInstructRecipe]) -> None:
    """One round, top to bottom."""
    posed = r.play(pose, r.brought)

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions; of those that are kept, to agree with the vote is to reach the answer."""
        attempts = w.play(solve, posed, probe=r.brought.tables["inputs/probe"])
        verdicts = w.play(vote, attempts, r.brought)
        kept = w.play(select_consistent, posed, verdicts)
        return w.play(advantage, verdicts, kept, samples=attempts.tables["attempts"])

    learn_online(r, wave)
