"""Every block of TOML in the documents is part of a recipe that loads, so that what is copied from them works."""

import re
import tomllib
from pathlib import Path

import pytest

from flows.recipes import read_recipe
from schemas.losses import Policy
from schemas.training import READS

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "deployments/recipes"
TRAINING = ROOT / "docs/training.md"
WHOLE = ("train", "engine")
BLOCKS = [
    pytest.param(tomllib.loads(block), id=f"{path.stem}-{number}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text(), re.DOTALL), 1)
]


def taken_up(recipe: dict, block: dict) -> dict:
    """As docs/training.md says: [train] takes the place of the whole, and so does [engine]; other keys are added or
    set."""
    for key, value in block.items():
        recipe[key] = taken_up(recipe.get(key, {}), value) if isinstance(value, dict) and key not in WHOLE else value
    return recipe


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_goes_into_the_quickstart(block):
    online = "policy" in block.get("train", {}).get("methods", ())
    recipe = tomllib.loads((RECIPES / f"quickstart{'_online' * online}.toml").read_text())
    if named := {"benchmark", "sealed"} & block.get("gate", {}).keys():  # an example's own benchmarks
        sums, _ = recipe["benchmarks"]
        names = {block["gate"][key]: {"sealed": key == "sealed"} for key in named}
        names |= {guard["benchmark"]: {} for guard in block["gate"].get("guards", [])}
        recipe["benchmarks"] = [sums | more | {"name": name} for name, more in names.items()]
    loaded = read_recipe(taken_up(recipe, block))
    assert all((RECIPES / source.path).is_file() for _, source in loaded.data if source)


def test_there_is_a_block_for_every_method_of_training():
    blocks = [block.values[0] for block in BLOCKS]
    trained = {method for block in blocks for method in block.get("train", {}).get("methods", ())}
    assert trained == set(READS)


def test_the_values_of_each_policy_gradient_go_together():
    heading, _, *rows = TRAINING.read_text().split("make the published methods")[1].split("\n\n")[1].splitlines()
    keys = [key.strip() for key in heading.strip("|").split("|")][1:]
    optimiser = {"waves": 1, "steps": 1, "batch_size": 1, "rows_at_once": 1, "learning_rate": 1, "max_length": 8}
    assert len(rows) == 6
    for row in rows:
        told = dict(zip(keys, (cell.strip() for cell in row.strip("|").split("|")[1:]), strict=True))
        values = {key: value for key, value in told.items() if value} | optimiser | {"schedule": "linear"}
        if told["filter"] == "either":
            values["filter"] = "before"
        Policy.model_validate(values)
