"""SRT: self-rewarded training (Shafayat et al. 2025, arXiv 2505.21444): RL on the vote at unlabelled questions.

Nobody proposes: each wave, the policy of that moment answers its share of the user's questions, the most frequent
answer is the label, and a few optimiser steps on the very attempts make the next policy. The paper's reward rises on
after the policy has fallen for one answer to everything; the band's upper end takes such questions out.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.methods.asking import VotedRecipe, attempted
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.recipe import Unlabelled
from schemas.settings import PolicyLimits, VoteLimits
from tasks.advantage import advantage
from tasks.select import select
from tasks.vote import vote


class Limits(VoteLimits, PolicyLimits):
    pass


class SrtRecipe(VotedRecipe, OnlineRecipe):
    trained_on = ("solve",)
    data: Unlabelled
    validation: Limits


def srt(r: Round[SrtRecipe]) -> None:
    """One round, top to bottom."""
    questions = r.brought.tables["inputs/unlabelled"]

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions, answered by the policy of that moment and labelled by the vote."""
        attempts = attempted(r, questions, w.play)
        verdicts = w.play(vote, attempts, r.brought)
        selected = w.play(select, verdicts, r.brought, questions=questions)
        return w.play(advantage, verdicts, selected, samples=attempts.tables["attempts"])

    learn_online(r, wave)
