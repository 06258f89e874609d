"""How a method of pairs judged by a model begins: the user's questions, answered, compared, and paired."""

from typing import Any, Self

from pydantic import model_validator

from flows.round import Round
from schemas.manifest import StageRecord
from schemas.preferring import Prefer
from schemas.recipe import Recipe, Unlabelled
from schemas.rubric import RubricLimits
from schemas.section import Count
from schemas.settings import Build, PairLimits, Solve
from tasks.build import build
from tasks.prefer import prefer
from tasks.solve import solve
from tasks.waves import Wave


class Limits(RubricLimits, PairLimits):
    pass


class PreferredRecipe(Recipe):
    data: Unlabelled
    parts: Count = 1
    """Into how many parts the questions are divided, the probe's too: a round asks one, in turn. SPPO: 3."""
    solve: Solve
    prefer: Prefer
    build: Build
    validation: Limits

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        for key, ignored in (
            ("solve.early_stopping", self.solve.early_stopping),
            ("build.gold_share", self.build.gold_share > 0),
            ("build.replay_share", self.build.replay_share > 0),
            ("build.pairs = 'correct_incorrect'", self.build.pairs == "correct_incorrect"),
        ):
            if ignored:
                raise ValueError(f"{key} does not go with method = '{self.method}': its pairs go by win rates")
        return self

    def part(self, number: int) -> Wave:
        """What a round asks."""
        return (number - 1) % self.parts + 1, self.parts


def preferred(r: Round[Any]) -> StageRecord:
    """The best answers to each question against the worst."""
    asked, part = r.brought.tables, r.recipe.part(r.number)
    attempts = r.play(solve, questions=asked["inputs/unlabelled"], probe=asked["inputs/probe"], wave=part)
    judged = r.play(prefer, attempts, r.brought, wave=part)
    return r.play(build, attempts, judged, reads_pairs=True)
