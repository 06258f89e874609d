"""RLSR: reinforcement learning from self reward (Simonds et al. 2025, arXiv 2505.08827).

The policy answers questions that it is given without a reference, and judges its own answers, yes or no, by question
and final answer alone; a policy gradient on the verdicts trains it, wave by wave. How often the judge is right is
measured in every wave, on the probe and, for audit alone, on the very attempts: the questions come from generators
whose answers are checked exactly.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.curriculum import SolveByCurriculum
from schemas.generated import Generated, GeneratedBenchmark, shared_seeds
from schemas.manifest import StageRecord
from schemas.recipe import Data
from schemas.rubric import Rubric, RubricLimits
from schemas.settings import PolicyLimits
from tasks.advantage import advantage
from tasks.grade import grade
from tasks.measure_judge import measure_judge
from tasks.solve import solve


class Tasks(Data):
    tasks: Generated
    """What is answered; its references are read for the audit alone."""
    probe: Generated
    """What measures the judge; nothing is trained on it."""


class Limits(RubricLimits, PolicyLimits):
    pass


class RlsrRecipe(OnlineRecipe):
    trained_on = ("solve",)
    data: Tasks
    benchmarks: Annotated[tuple[GeneratedBenchmark, ...], Field(min_length=1)]  # type: ignore[assignment]
    """Questions of other seeds; one of them decides promotions."""
    solve: SolveByCurriculum
    grade: Rubric
    validation: Limits

    @model_validator(mode="after")
    def questions_are_apart_and_the_judge_says_yes_or_no(self) -> Self:
        made = {f"data.{name}": each for name, each in self.data} | {
            f"benchmarks.{each.name}": each for each in self.benchmarks
        }
        if shared := shared_seeds(made):
            raise ValueError(f"{shared[1]}.first_seed: {shared[0]} has some of these seeds; give each its own")
        for name, each in made.items():
            if (each.generator == "countdown") != (self.answers.equivalence == "countdown"):
                raise ValueError(
                    f"{name}.generator = '{each.generator}' with answers.equivalence = '{self.answers.equivalence}': "
                    "'countdown' goes with 'countdown' alone"
                )
        if self.grade.scale != 1 or self.grade.answer_pattern is None:
            raise ValueError(
                "grade: method = 'rlsr' needs scale = 1 and an answer_pattern: a final answer, yes or no"
            )
        return self


def rlsr(r: Round[RlsrRecipe]) -> None:
    """One round, top to bottom."""
    tasks, probe = (r.brought.tables[f"inputs/{name}"] for name in ("tasks", "probe"))

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the questions, answered and judged by the policy of that moment."""
        attempts = w.play(solve, questions=tasks, probe=probe)
        graded = w.play(grade, attempts, questions=tasks, probe=probe)
        w.play(measure_judge, attempts, graded, tasks=tasks)
        return w.play(advantage, graded, samples=attempts.tables["attempts"])

    learn_online(r, wave)
