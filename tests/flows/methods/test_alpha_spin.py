"""alpha-SPIN on the tiny model: SPIN's rounds, held to champion and base together, against a history of opponents."""

import pytest

from flows.recipes import load_recipe
from schemas.errors import BadInput

from ..shipped import RECIPES, every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.gold.sample": 40, "train.spin.steps": 2, "evaluate.num_samples": 0, "validation.min_preference_pairs": 10,
    "gate.level": 0.999, "gate.min_gain": 0.0, "train.use_held_rounds": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("alpha_spin", SMALL, sample=100), tmp_path_factory.mktemp("alpha_spin"))


def test_pairs_of_the_opponents_before_are_held_to_champion_and_base(played):
    _, lineage = played
    first, second = lineage.manifests
    pairs = [{row["id"] for row in rows_of(lineage, m, "preference_pairs")} for m in (first, second)]
    assert second.trained_on == {"spin": len(pairs[0] | pairs[1])} and second.built_on == [1]
    said = rows_of(lineage, second, "reference_logps")
    assert {row["reference"] for row in said} == {"champion", "base"}
    assert {row["pair_id"] for row in said} == pairs[0] | pairs[1]


def test_another_reference_is_spins(tmp_path):
    alone = {"train.spin.reference": "champion", "train.spin.base_share": None}
    with pytest.raises(BadInput, match=r"train\.spin: method = 'alpha_spin' needs reference = 'mixture'"):
        two_rounds(small("alpha_spin", alone), tmp_path)


def test_the_four_iterations_have_spins_rates_and_betas():
    recipe, _ = load_recipe(RECIPES / "spin_chat.toml")
    of_round = [recipe.train.spin.of_round(number) for number in (1, 2, 3, 4)]
    assert [spin.learning_rate for spin in of_round] == [5e-7, 5e-7, 1e-7, 1e-7]
    assert [spin.beta for spin in of_round] == [0.1, 0.1, 0.1, 5.0]


def test_every_command_works(played, tmp_path):
    path, lineage = played
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/solve-*")
