"""What a round is given beside its own attempts, where the recipe asks for it: gold, rows of before, the base's
answers."""

from typing import Any

from flows.round import Round
from schemas.manifest import StageRecord
from tasks.ask_base import ask_base
from tasks.solve import solve


def mixed_in(r: Round) -> dict[str, Any]:
    """Gold rows, the champion's own attempts at them (stage `solve.gold`), and SFT examples of promoted rounds.

    Nobody votes on attempts at a gold question: the solution is known.
    """
    build, found = r.recipe.build, dict[str, Any]()
    assert build is not None, "method_of has looked"
    if build.gold_share or build.pairs == "gold_self":
        found["gold"] = r.gold
    if build.pairs == "gold_self":
        attempts = r.play(solve, label="gold", questions=r.gold, solver=r.solver.by(r.champion))
        found["gold_attempts"] = attempts.tables["attempts"]
    if build.replay_share:
        found["replay"] = r.promoted("sft_examples")
    return found | {"reads_pairs": "preference_pairs" in r.recipe.train.reads}


def asked_of_base(r: Round, selected: StageRecord) -> None:
    """`base_samples`, for a loss that pulls to the base by the base's own answers."""
    if r.recipe.train.base_samples:
        r.play(ask_base, selected, settings=r.recipe.solve, solver=r.solver.by(r.base))
