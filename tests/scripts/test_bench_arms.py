"""The arms of make bench-methods: what they would play is whole, whatever methods there are."""

import pytest
import tomli_w

from flows.methods import METHODS
from flows.preflight import preflight

from .loading import ROOT, load

bench = load("bench_arms")
ARMS = bench.arms()


@pytest.mark.parametrize("name", ARMS)
def test_an_arms_recipe_loads_with_its_data_and_prompts(name, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(ARMS[name].recipe))
    preflight(path, tmp_path / "store")


def test_every_method_is_an_arm_by_itself_and_a_random_label_stands_beside_every_vote():
    assert set(METHODS) <= ARMS.keys() and set(bench.FAMILY) <= ARMS.keys()
    assert {name for name in METHODS if f"{name}, random label" in ARMS} >= {"serl", "srt", "knowrl"}
    for method, changes in bench.ABLATIONS.items():
        for name in changes:
            own, other = ARMS[method].recipe, ARMS[f"{method}, {name}"].recipe
            assert own != other and own["benchmarks"] == other["benchmarks"], (method, name)


def test_arms_stand_for_what_ships():
    assert ARMS["knowrl"].recipe["benchmarks"][0]["path"] == str(ROOT / "deployments/data/known_sums/benchmark.jsonl")
    family = [ARMS[name].recipe for name in bench.FAMILY]
    assert {recipe["benchmarks"][0]["sample"] for recipe in family} == {2000}
