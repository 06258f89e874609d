"""Self-Rewarding Language Models (Yuan et al. 2024, arXiv 2401.10020): the model grades its own answers by a rubric.

It writes new questions, answers each several times, and grades each answer several times; DPO prefers the answer of
the best mean grade to that of the worst. How often it grades rightly, and what persuades it, is measured on the probe
every round: the rewards are its own word.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.round import Round
from schemas.manifest import ValidRows
from schemas.recipe import Recipe, Seeded
from schemas.rubric import Rubric, RubricLimits
from schemas.settings import Build, PairLimits, Propose, Solve
from tasks.build import build
from tasks.grade import grade
from tasks.propose import propose
from tasks.screen import screen
from tasks.solve import solve


class Limits(RubricLimits, PairLimits):
    pass


class SelfRewardingRecipe(Recipe):
    trains_by = ("dpo", "sppo", "rspo", "kto")
    data: Seeded
    propose: Propose
    solve: Solve
    grade: Rubric
    build: Build
    validation: Limits

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        ignored = {
            "propose.max_own_fewshots": self.propose.max_own_fewshots > 0,
            "solve.early_stopping": self.solve.early_stopping,
            "build.gold_share": self.build.gold_share > 0,
            "build.replay_share": self.build.replay_share > 0,
            "build.pairs = 'correct_incorrect'": self.build.pairs == "correct_incorrect",
            "regularizer = 'base_samples'": self.train.base_samples,
        }
        self.refuse(ignored)
        return self


def self_rewarding(r: Round[SelfRewardingRecipe]) -> None:
    """One round, top to bottom."""
    questions = r.play(propose, r.brought, shown=ValidRows(tables=()), earlier=r.every("questions"))
    screened = r.play(screen, questions, r.brought)
    apart = ValidRows(tables=(questions.tables["questions"],), dropped=(screened.tables["dropped"],))
    attempts = r.play(solve, questions=apart, probe=r.brought.tables["inputs/probe"])
    grades = r.play(grade, attempts, r.brought, questions=apart)
    learn(r, r.play(build, attempts, grades, reads_pairs=True))
