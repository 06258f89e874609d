"""SeRL as its paper trains it (Fang et al. 2025, arXiv 2505.20347): policy gradients on the vote's rewards, in waves.

The champion writes the round's questions once. Each wave, the policy of that moment answers its share of them, the
majority's answer is the label, and a few optimiser steps on the very attempts make the next policy. Every attempt,
verdict and advantage lies in the tables, and each stage of a wave has its own marker. The gate sees the last policy.
"""

from flows.learn_online import Wave, learn_online
from flows.methods.asking import attempted
from flows.round import Round
from schemas.manifest import StageRecord
from tasks.advantage import advantage
from tasks.judge import judge
from tasks.propose import propose
from tasks.select import select


def serl_online(r: Round) -> None:
    """One round, top to bottom."""
    settings = r.recipe.train.policy
    assert settings is not None, "method_of has looked"
    questions = r.play(propose, r.seeds, shown=r.promoted("selections"), earlier=r.every("questions"))

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions, answered by the policy of that moment and labelled by the vote."""
        attempts = attempted(r, questions, label=w.label, solver=r.solver.by(w.policy), wave=w.share)
        verdicts = r.play(judge, attempts, r.probe, label=w.label)
        selected = r.play(select, questions, verdicts, r.probe, r.benchmark_items, label=w.label, wave=w.share)
        return r.play(
            advantage, verdicts, selected, samples=attempts.tables["attempts"], label=w.label, settings=settings,
            model=w.policy, reference=r.weights(settings.reference),
        )  # fmt: skip

    learn_online(r, wave)
