"""What a round is given beside its own attempts, where the recipe asks for it: gold, rows of before, the base's
answers; and the controls that show what came of that."""

from typing import Any, Self

from pydantic import model_validator

from flows.round import Round
from schemas.controls import Controls
from schemas.manifest import StageRecord
from schemas.recipe import Recipe, Seeded, SolvedRows
from schemas.settings import Build, Vote
from tasks.ask_base import ask_base


class SeededWithGold(Seeded):
    gold: SolvedRows | None = None
    """Problems with worked solutions, to train on as they are."""


class MixedRecipe(Recipe):
    data: SeededWithGold
    vote: Vote
    build: Build
    controls: Controls = Controls()

    @model_validator(mode="after")
    def gold_is_there_where_it_is_used(self) -> Self:
        users = {
            "controls.seeds_alone": self.controls.seeds_alone,
            "build.gold_share": self.build.gold_share > 0,
        }
        if self.data.gold is None and (asking := [name for name, asks in users.items() if asks]):
            raise ValueError(f"{asking[0]} needs [data.gold]")
        if self.data.gold is not None and not any(users.values()):
            raise ValueError(f"[data.gold] is not used: set one of {', '.join(users)}, or leave it out")
        return self

    @model_validator(mode="after")
    def somebody_reads_what_is_built(self) -> Self:
        if (self.build.gold_share or self.build.replay_share) and self.train.sft is None:
            raise ValueError("build.gold_share and build.replay_share go with 'sft' in train.methods")
        if self.build.pairs != "correct_incorrect" and "preference_pairs" not in self.train.reads:
            raise ValueError(f"build.pairs = '{self.build.pairs}': no method in train.methods reads pairs")
        return self

    @model_validator(mode="after")
    def examples_are_of_agreeing_attempts(self) -> Self:
        if self.vote.reward == "share":
            raise ValueError(
                f"vote.reward = 'share' does not go with method = '{self.method}', which trains on attempts of "
                "reward 1; leave it out"
            )
        return self

    @model_validator(mode="after")
    def a_random_label_stands_for_a_class(self) -> Self:
        if self.controls.random_label and self.vote.rule != "classes":
            raise ValueError(
                f"controls.random_label = true with vote.rule = '{self.vote.rule}': its questions are those of the "
                "rule 'classes'; set vote.rule = 'classes', or leave the control out"
            )
        return self


def mixed_in(r: Round[Any]) -> dict[str, Any]:
    """Gold rows, and SFT examples of promoted rounds."""
    build, found = r.recipe.build, dict[str, Any]()
    if build.gold_share:
        found["gold"] = r.brought.tables["inputs/gold"]
    if build.replay_share:
        found["replay"] = r.promoted("sft_examples")
    return found | {"reads_pairs": "preference_pairs" in r.recipe.train.reads}


def asked_of_base(r: Round[Any], selected: StageRecord) -> None:
    """`base_samples`, for a loss that pulls to the base by the base's own answers."""
    if r.recipe.train.base_samples:
        r.play(ask_base, selected, settings=r.recipe.solve, solver=r.role(r.recipe.solve).by(r.base))
