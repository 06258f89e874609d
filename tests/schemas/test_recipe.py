import re
from pathlib import Path

import pytest
import tomli_w
from pydantic import BaseModel

from schemas import alarms, recipe, settings
from schemas.errors import BadInput
from schemas.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "deployments/recipes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_begins_with_the_command_that_plays_it(path):
    loaded, text = load_recipe(path)
    assert loaded.name == path.stem
    assert text.startswith(f"# selfplay run deployments/recipes/{path.name}\n")


def test_every_field_of_a_recipe_is_documented():
    found = [*vars(recipe).values(), *vars(settings).values(), *vars(alarms).values()]
    models = {m for m in found if isinstance(m, type) and issubclass(m, BaseModel)}
    undocumented = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
        and not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]
    assert sorted(set(undocumented)) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"solve__samples": 3}, r"solve\.samples: Extra inputs are not permitted"),
        ({"solve__num_samples": "many"}, r"solve\.num_samples = 'many': Input should be a valid integer.*"),
        ({"solve__num_samples": 1}, r"solve\.num_samples = 1: Input should be greater than or equal to 2"),
        ({"seed": None}, r"seed: Field required"),
        ({"select__min_agreement": 0.9, "select__max_agreement": 0.2}, r"select: min_agreement must not exceed .*"),
        ({"train__methods": ["dpo"]}, r"train: \[train\.sft\] goes with 'sft' in methods, and only with it"),
        ({"gate__benchmark": "sums-sealed"}, r"recipe: gate\.benchmark: 'sums-sealed' is no unsealed benchmark.*"),
        ({"propose__novelty": {"method": "exact", "threshold": 0.7}}, r"propose\.novelty: threshold goes with .*"),
        ({"engine__url": "http://127.0.0.1"}, r"engine\.url: Extra inputs are not permitted"),
        ({"judge__answer_pattern": "("}, r"judge\.answer_pattern: not a regular expression: .*"),
        ({"propose__filters__min_words": 9}, r"propose\.filters: min_words must not exceed max_words"),
        ({"seed": 2**70}, r"seed = 1180591620717411303424: .*"),
        ({"name": "objects"}, r"recipe: name: 'objects' is the store's own folder"),
        (
            {"alarms__unanimous__level": "loud"},
            r"alarms\.unanimous\.level = 'loud': Input should be 'warning', 'hold' or 'off'",
        ),
        ({"alarms__unanimous__threshold": 1.5}, r"alarms\.unanimous\.threshold = 1\.5: .*"),
        ({"alarms__unheard_of__level": "off"}, r"alarms\.unheard_of: Extra inputs are not permitted"),
        ({"alarms__unanimous": "off"}, r"alarms\.unanimous = 'off': .*"),
        ({"train__sft__rows_at_once": 5}, r"train\.sft: rows_at_once must divide batch_size"),
    ],
)
def test_a_bad_recipe_gives_one_line_with_file_key_value_and_what_was_expected(write_recipe, changes, line):
    path = write_recipe(**changes)
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert re.fullmatch(re.escape(f"{path}: ") + line, str(error.value)), str(error.value)


def test_broken_toml_is_named_with_its_line(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = \n")
    with pytest.raises(BadInput, match=r"broken\.toml: not valid TOML: .*line 1"):
        load_recipe(path)


def test_a_recipe_cannot_name_a_path_outside_its_store(write_recipe, quickstart):
    path = write_recipe()
    path.write_text(tomli_w.dumps(quickstart | {"name": "../elsewhere"}))
    with pytest.raises(BadInput, match=r"name = '\.\./elsewhere'"):
        load_recipe(path)


def test_what_a_recipe_leaves_out_of_its_alarms_is_the_default(write_recipe):
    asked = load_recipe(write_recipe(alarms__unanimous__level="hold", alarms__dropped__threshold=0.8))[0].alarms
    assert load_recipe(write_recipe())[0].alarms == alarms.Alarms()
    assert (asked.unanimous.threshold, asked.unanimous.level) == (alarms.Alarms().unanimous.threshold, "hold")
    assert (asked.dropped.threshold, asked.dropped.level) == (0.8, "warning")
    assert asked.same_answer == alarms.Alarms().same_answer
