"""How a method of votes asks for attempts: no further than the label needs, with checks made meanwhile."""

from functools import partial
from typing import Any

from flows.round import Round
from schemas.manifest import StageRecord
from tasks.judge import judge_ahead
from tasks.solve import solve


def attempted(r: Round, questions: StageRecord, **more: Any) -> StageRecord:
    """Attempts at the questions and, blind, at the probe's."""
    recipe = r.recipe
    ahead = partial(judge_ahead, recipe.judge, r.lineage.cache)
    return r.play(
        solve, questions, r.probe, stops_for=(recipe.judge, recipe.select) if recipe.solve.early_stopping else None,
        beside=ahead if recipe.judge.equivalence == "math" else None,  # forms alone leave nothing to prepare
        **more,
    )  # fmt: skip
