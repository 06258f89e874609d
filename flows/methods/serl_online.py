"""SeRL as its paper trains it (Fang et al. 2025, arXiv 2505.20347): policy gradients on the vote's rewards, in waves.

The champion writes the round's questions once. Each wave, the policy of that moment answers its share of them, the
majority's answer is the label, and a few optimiser steps on the very attempts make the next policy. Every attempt,
verdict and advantage lies in the tables, and each stage of a wave has its own marker. The gate sees the last policy.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.methods.asking import ProposedRecipe, attempted
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.settings import PolicyLimits, VoteLimits
from tasks.advantage import advantage
from tasks.propose import propose
from tasks.select import select
from tasks.vote import vote


class Limits(VoteLimits, PolicyLimits):
    pass


class SerlOnlineRecipe(ProposedRecipe, OnlineRecipe):
    trained_on = ("solve",)
    validation: Limits


def serl_online(r: Round[SerlOnlineRecipe]) -> None:
    """One round, top to bottom."""
    questions = r.play(propose, r.brought, shown=r.promoted("selections"), earlier=r.every("questions"))

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions, answered by the policy of that moment and labelled by the vote."""
        attempts = attempted(r, questions.tables["questions"], w.play)
        verdicts = w.play(vote, attempts, r.brought)
        selected = w.play(select, questions, verdicts, r.brought)
        return w.play(advantage, verdicts, selected, samples=attempts.tables["attempts"])

    learn_online(r, wave)
