"""What a round is given beside its own attempts, where the recipe asks for it: gold, rows of before, the base's
answers."""

from typing import Any

from flows.round import Round
from schemas.manifest import TableRef
from tasks.ask_base import ask_base
from tasks.solve import solve


def mixed_in(round: Round, given: dict[str, TableRef]) -> dict[str, Any]:
    """Gold rows, the champion's own attempts at them (stage `solve.gold`), and SFT examples of promoted rounds.

    Nobody votes on attempts at a gold question: the solution is known.
    """
    recipe, build, found = round.recipe, round.recipe.build, dict[str, Any]()
    assert build is not None, "method_of has looked"
    if build.gold_share or build.pairs == "gold_self":
        found["gold"] = given["inputs/gold"]
    if build.pairs == "gold_self":
        found["gold_attempts"] = round.play(
            solve, "gold", settings=recipe.solve, engine=recipe.engine, prompt=round.prompt(recipe.solve.prompt),
            model=round.champion, questions=given["inputs/gold"],
        ).tables["attempts"]  # fmt: skip
    if build.replay_share:
        found["replay"] = round.promoted("sft_examples")
    return found


def asked_of_base(round: Round, selections: TableRef, label: str = "") -> dict[str, TableRef]:
    """`base_samples`, for a loss that pulls to the base by the base's own answers."""
    recipe = round.recipe
    if not recipe.train.base_samples:
        return {}
    return round.play(
        ask_base, label, settings=recipe.solve, engine=recipe.engine, prompt=round.prompt(recipe.solve.prompt),
        model=round.base, selections=selections,
    ).tables  # fmt: skip
