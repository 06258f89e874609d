"""Self-rewarding correction (arXiv 2502.19613): a model that judges its own solution and, if it is wrong, mends it.

The champion solves the gold questions; it is asked whether each first solution is right, and, where it said wrong,
for another one. What comes out right becomes trajectories (D1, D2, D3) to learn, the first solution as their context;
and whole attempts, verdict and second solution among them, are preferred by their last answer.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.methods.spin import Gold
from flows.round import Round
from schemas.correcting import Mend, Revise, Verify
from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.settings import AnswerLimits, ExampleLimits, PairLimits, Solve
from tasks.check import check
from tasks.count_flips import count_flips
from tasks.mend import mend
from tasks.revise import revise
from tasks.solve import solve


class Limits(AnswerLimits, ExampleLimits, PairLimits):
    pass


class CorrectionRecipe(Recipe):
    trains_by = ("sft", "dpo")
    data: Gold
    solve: Solve
    verify: Verify
    revise: Revise
    mend: Mend
    validation: Limits

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        self.refuse({"engine.model": self.is_taught}, why="it needs the champion's own attempts")
        self.refuse({"solve.early_stopping": self.solve.early_stopping}, why="nobody selects")
        return self


def correction(r: Round[CorrectionRecipe]) -> None:
    """One round, top to bottom."""
    words, plain = r.recipe.verify, r.prompt(r.recipe.solve.prompt)
    if not isinstance(plain.render(question="1"), str):
        raise BadInput(f"solve.prompt = '{plain.name}': an attempt cannot go on in a chat; use a raw prompt")
    attempts = r.play(solve, questions=r.brought.tables["inputs/gold"])
    checked = r.play(check, attempts, r.brought)
    judged = r.play(
        revise, attempts, r.brought, words=words, settings=words, solver=r.role(words), label="verify"
    )  # fmt: skip
    verdicts = judged.tables["revisions"]
    revised = r.play(revise, attempts, r.brought, words=words, verdicts_of=verdicts)
    rows = r.play(
        mend, attempts, checked, revised, r.brought, words=words, verdicts_of=verdicts, base=r.base, plain=plain,
    )  # fmt: skip
    learn(r, rows)
    for who in ("champion", "candidate"):
        evaluated = r.records[f"evaluate.{who}"]
        r.play(count_flips, evaluated, label=who, words=words, benchmark=r.recipe.gate.benchmark)
