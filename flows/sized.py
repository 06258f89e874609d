"""The most that each stage of a round can come to: its method played by a player that only counts rows."""

from dataclasses import dataclass, field
from typing import Any

from flows.methods import METHODS
from flows.plan import awaited, next_round
from flows.preflight import Plan
from flows.round import Round, Stage
from flows.round import Work as Beside
from schemas.manifest import StageRecord
from schemas.recipe import Recipe
from schemas.work import Work
from tasks.estimate.bounds import collected, work_of
from tasks.store.lineage import Lineage


@dataclass
class Counter:
    """A round's player: each table has the most rows that its stage can write."""

    weights: int
    works: dict[str, Work] = field(default_factory=dict)
    """Stage as played -> its work."""

    def __call__(
        self, round: Round[Any], stage: Stage, shown: str, beside: Beside | None, inputs: dict[str, Any]
    ) -> StageRecord:
        work = work_of(stage, inputs, round.sources, self.weights)
        self.works[shown] = work
        brought = collected(round.sources) if stage.__name__ == "collect" else {}
        rows = {table: brought.get(table, 0 if brought else work.rows) for table in getattr(stage, "writes", ())}
        return awaited(shown, stage, key=shown, rows=rows)


def works(plan: Plan, recipe: Recipe, lineage: Lineage, weights: int) -> dict[str, Work]:
    """Of every stage that a round of the recipe may play, on the rows and after the rounds that there are now.

    Raises BadInput for a recipe whose prompts are gone. `weights`: bytes of the base model's.
    """
    counter = Counter(weights)
    round = next_round(plan, lineage, counter)
    round.recipe = recipe
    METHODS[recipe.method](round)
    return counter.works
