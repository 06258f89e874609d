"""SQLM: self-questioning language models (Chen et al. 2025, arXiv 2508.03682): a topic is all that is given.

One policy in two roles. As proposer it is given a prompt that names a topic, the same every time, and writes a
question; as solver it answers that several times, and the majority is the label. A question earns 1 if its attempts
neither all agree nor all differ. What gives no question is not trained on, rather than punished.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.posing import PoseTopic, RewardProposer
from schemas.recipe import AnsweredRows, Data
from schemas.settings import PolicyLimits, Solve, Vote, VoteLimits
from tasks.advantage import advantage
from tasks.pose import pose
from tasks.reward_proposer import reward_proposer
from tasks.solve import solve
from tasks.vote import vote


class Probed(Data):
    probe: AnsweredRows
    """A small labelled set that only measures how often the vote is right."""


class Limits(VoteLimits, PolicyLimits):
    pass


class SqlmRecipe(OnlineRecipe):
    votes = True
    trained_on = ("solve", "pose")
    data: Probed
    pose: PoseTopic
    solve: Solve
    vote: Vote = Vote()
    reward_proposer: RewardProposer
    validation: Limits


def sqlm(r: Round[SqlmRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> dict[str, StageRecord]:
        """A wave's share of the prompts: questions, answered, voted on and valued by the policy of that moment."""
        posed = w.play(pose, r.brought)
        probe = r.brought.tables["inputs/probe"]
        attempts = w.play(solve, posed, probe=probe, wave=None, wave_of_probe=w.share)
        verdicts = w.play(vote, attempts, r.brought)
        earned = w.play(reward_proposer, posed, attempts, verdicts, dropped=posed.tables["dropped"])
        return {
            "solver": w.play(advantage, verdicts, samples=attempts.tables["attempts"]),
            "proposer": w.play(advantage, earned, samples=posed.tables["proposals"], label="proposer"),
        }

    learn_online(r, wave)
