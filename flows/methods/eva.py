"""eva: evolving alignment by asymmetric self-play (Ye et al. 2024, arXiv 2411.00062), on DPO.

The model answers the user's prompts several times, and grades the answers. Prompts whose rewards lie far apart are
rewritten, in depth and in breadth, the more often the farther; the rewritings are answered and graded in turn. DPO
prefers each prompt's best answer to its worst, of the rewritings and, all alike, of the user's own prompts.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.round import Round
from schemas.evolving import Evolve
from schemas.manifest import ValidRows
from schemas.recipe import Recipe, Seeded
from schemas.rubric import Rubric, RubricLimits
from schemas.settings import Build, PairLimits, Solve
from tasks.build import build
from tasks.evolve import evolve
from tasks.grade import grade
from tasks.screen import screen
from tasks.solve import solve


class Limits(RubricLimits, PairLimits):
    pass


class EvaRecipe(Recipe):
    trains_by = ("dpo", "sppo", "rspo")
    data: Seeded
    solve: Solve
    grade: Rubric
    evolve: Evolve
    build: Build
    validation: Limits

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        for key, ignored in (
            ("solve.early_stopping", self.solve.early_stopping),
            ("build.gold_share", self.build.gold_share > 0),
            ("build.replay_share", self.build.replay_share > 0),
            ("build.pairs other than 'best_worst'", self.build.pairs != "best_worst"),
            ("regularizer = 'base_samples'", self.train.base_samples),
        ):
            if ignored:
                raise ValueError(f"{key} does not go with method = 'eva'")
        return self


def eva(r: Round[EvaRecipe]) -> None:
    """One round, top to bottom."""
    seeds, probe = (r.brought.tables[f"inputs/{name}"] for name in ("seeds", "probe"))
    tried = r.play(solve, questions=seeds, probe=probe)
    judged = r.play(grade, tried, questions=seeds, probe=probe)
    evolved = r.play(evolve, tried, judged, seeds=seeds)
    screened = r.play(screen, evolved, r.brought)
    apart = ValidRows(tables=(evolved.tables["questions"],), dropped=(screened.tables["dropped"],))
    attempts = r.play(solve, questions=apart, label="evolved")
    grades = r.play(grade, attempts, questions=apart, probe=probe, label="evolved")
    both = (
        ValidRows(tables=(tried.tables["attempts"], attempts.tables["attempts"])),
        ValidRows(tables=(judged.tables["rewards"], grades.tables["rewards"])),
    )
    learn(r, r.play(build, attempts=both[0], rewards=both[1], reads_pairs=True))
