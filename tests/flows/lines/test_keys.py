"""Every key of a recipe is told with the value that holds, and who says so."""

import json
import tomllib

from typer.testing import CliRunner

from flows.cli import app
from flows.lines.keys import effective_keys
from flows.recipes import load_recipe

from ..faults import ROOT

QUICKSTART = ROOT / "deployments/recipes/quickstart.toml"


def test_keys_of_the_recipe_and_of_defaults_are_told_apart():
    found = {each.key: (each.value, each.said_by) for each in effective_keys(*load_recipe(QUICKSTART))}
    assert found["propose.target"] == (800, "recipe")
    assert found["benchmarks.1.sealed"] == (True, "recipe")
    assert found["benchmarks.0.sealed"] == (False, "default")
    assert found["gate.level"] == (0.05, "default")
    assert found["train.sft.rows_at_once"] == (64, "default")
    assert found["gate.sealed"] == (None, "default")


def test_every_value_is_the_recipes_own():
    recipe, text = load_recipe(QUICKSTART)
    values = recipe.model_dump(mode="json")
    for each in effective_keys(recipe, text):
        value = values
        for name in each.key.split("."):
            value = value[int(name) if isinstance(value, list) else name]
        assert value == each.value, each.key


def test_the_shipped_quickstart_says_what_it_changes():
    keys = [each.key for each in effective_keys(*load_recipe(QUICKSTART)) if each.said_by == "recipe"]
    assert len(keys) <= 47
    assert "level" not in tomllib.loads(QUICKSTART.read_text())["gate"]


def test_the_command_prints_a_line_a_key_or_json():
    said = CliRunner().invoke(app, ["plan", str(QUICKSTART), "--keys"]).output.splitlines()
    assert "train.sft.steps" in {line.split()[0] for line in said}
    told = json.loads(CliRunner().invoke(app, ["plan", str(QUICKSTART), "--keys", "--json"]).output)
    assert len(told) == len(said) and {"key", "value", "said_by"} == set(told[0])
