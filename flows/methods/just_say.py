"""Just Say What You Want, as we read its abstract (arXiv 2409.17534): pairs of two prompts, which nobody judges.

What the model writes when it is asked for a good answer is preferred to what it writes when it is asked for a flawed
one.

The champion answers each of the user's questions under two prompts, [better] and [worse]; DPO trains on the plain
prompt, that of [evaluate], as if neither had been there. `pair_prompted.closeness` brings the rejected answer nearer
to the chosen one, round by round. Our reading of the paper's abstract; how it controls the gap is not known to us.
"""

from typing import Self

from pydantic import model_validator

from flows.learn import learn
from flows.round import Round
from schemas.manifest import StageRecord
from schemas.prompting import PairPrompted
from schemas.recipe import Recipe, Unlabelled
from schemas.rubric import RubricLimits
from schemas.settings import PairLimits, Solve
from tasks.pair_prompted import pair_prompted
from tasks.solve import solve


class Limits(RubricLimits, PairLimits):
    pass


class JustSayRecipe(Recipe):
    trains_by = ("dpo", "spin", "kto")
    data: Unlabelled
    better: Solve
    """Who is asked for a good answer, and how; two samples, one of them to stand against the other."""
    worse: Solve
    """Who is asked for a flawed one."""
    pair_prompted: PairPrompted
    validation: Limits

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        for name in ("better", "worse"):
            if getattr(self, name).early_stopping:
                raise ValueError(f"{name}.early_stopping does not go with method = 'just_say': nobody selects")
        return self


def just_say(r: Round[JustSayRecipe]) -> None:
    """One round, top to bottom."""
    asked, recipe = r.brought.tables, r.recipe

    def under(section: Solve, label: str) -> StageRecord:
        return r.play(
            solve, questions=asked["inputs/unlabelled"], probe=asked["inputs/probe"], settings=section,
            solver=r.role(section), label=label,
        )  # fmt: skip

    better, worse = under(recipe.better, "better"), under(recipe.worse, "worse")
    pairs = r.play(
        pair_prompted, r.brought, plain=r.prompt(recipe.evaluate.prompt), base=r.base,
        better=better.tables["attempts"], worse=worse.tables["attempts"],
    )  # fmt: skip
    learn(r, pairs)
