"""What a method's own recipe class reads, and what it refuses."""

import re
import tomllib

import pytest
import tomli_w

from flows.methods import METHODS, recipe_class
from flows.recipes import load_recipe
from schemas import training
from schemas.errors import BadInput

from ..conftest import changed
from ..schemas.sections import DPO, GOLD, HERE, RSPO, TAUGHT
from .shipped import RECIPES

ONLINE = RECIPES / "quickstart_online.toml"


def test_a_methods_recipe_class_and_its_function_are_in_one_file_and_bear_its_name():
    for name, method in METHODS.items():
        found = recipe_class(name)
        assert method.__name__ == name
        assert found.__name__ == "".join(map(str.capitalize, name.split("_"))) + "Recipe"
        assert found.__module__ == method.__module__ == f"flows.methods.{name}"
        assert set(found.trains_by) <= set(training.Train.model_fields)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"build": {"solutions_per_question": 1, "pairs_per_question": 1}},
            r"build: method = 'serl_online' does not read it; .* more do",
        ),
        (
            {"validation.min_sft_examples": 5},
            r"validation\.min_sft_examples: method = 'serl_online' does not read it; correction, serl, sprec do",
        ),
        ({"validation.min_policy_rows": None}, r"validation\.min_policy_rows: Field required"),
        ({"solve.early_stopping": True}, r"recipe: solve: 'policy' in train\.methods needs whole groups .*"),
        (
            {"solve.sampling": {"temperature": 0.8, "max_tokens": 9}},
            r"recipe: solve: 'policy' .* temperature = 1, .*",
        ),
        (
            {"solve.sampling": {"temperature": 1.0, "presence_penalty": 1.0, "max_tokens": 9}},
            r"recipe: solve: 'policy' .* presence_penalty = 0",
        ),
        ({"train.launch": {"processes": 2}}, r"train: launch does not go with 'policy': .*"),
        ({"controls": {"random_label": True}}, r"controls: method = 'serl_online' does not .*; serl does"),
        ({"engine": TAUGHT, "evaluate.engine": HERE}, r"recipe: engine\.model does not go with .*'policy'.*"),
        ({"train.use_held_rounds": True}, r"train: use_held_rounds and previous_rounds do not go with 'policy': .*"),
        ({"train.stop": {"max_drift": 1.0}}, r"train: with 'policy', stop\.max_drift is not measured, .*"),
        ({"train.methods": ["sft", "policy"]}, r"train: methods must be one method, .* that is not \"policy\""),
        ({"train.policy.kl": None}, r"train\.policy: kl, kl_weight and reference go together"),
        (
            {"train.policy.scale": "sample"},
            r"train\.policy: scale goes with advantage = 'group', and only with it; .*",
        ),
        ({"train.policy.advantage": "group"}, r"train\.policy: scale goes with advantage = 'group', .*"),
        ({"train.policy.clip_low": 1.0}, r"train\.policy\.clip_low = 1\.0: .*"),
    ],
)
def test_what_a_policy_gradient_would_ignore_is_an_error(tmp_path, changes, line):
    recipe = tomllib.loads(ONLINE.read_text())
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        table = recipe
        for name in tables:
            table = table[name]
        table.pop(key, None)
        if value is not None:
            table[key] = value
    path = tmp_path / "online.toml"
    path.write_text(tomli_w.dumps(recipe))
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert re.fullmatch(re.escape(f"{path}: ") + line, str(error.value)), str(error.value)


OF_SERL = ("propose", "vote", "select", "build", "train.sft", "data.seeds", "data.probe")
SPIN = dict.fromkeys(OF_SERL) | {
    "method": "spin", "data.gold": GOLD, "validation": {"max_failing_rows": 0.01, "min_preference_pairs": 1},
    "pair_gold": {"pairs_per_question": 2}, "train.methods": ["dpo"], "train.dpo": DPO,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"data.gold": None}, r"data\.gold: Field required"),
        ({"pair_gold": None}, r"pair_gold: Field required"),
        ({"pair_gold.pairs_per_question": 0}, r"pair_gold\.pairs_per_question = 0: .* greater than or equal to 1"),
        ({"propose": {"target": 9}}, r"propose: method = 'spin' does not read it; .* do"),
        ({"data.seeds": {"path": "a"}}, r"data\.seeds: method = 'spin' does not read it; .* do"),
        (
            {"validation.min_vote_precision": 0.5},
            r"validation\.min_vote_precision: method = 'spin' does not read it; .* do",
        ),
        ({"controls": {"seeds_alone": True}}, r"controls: method = 'spin' does not read it; serl does"),
        (
            {"train.methods": ["rspo"], "train.dpo": None, "train.rspo": RSPO},
            r"recipe: regularizer = 'base_samples' does not go with method = 'spin': the base is not asked",
        ),
        (
            {"engine": TAUGHT, "evaluate.engine": HERE},
            r"recipe: engine\.model does not go with method = 'spin': it needs the champion's own attempts",
        ),
    ],
)
def test_spin_reads_gold_and_nothing_of_the_vote(tmp_path, quickstart, written_recipe, changes, line):
    plain = changed(quickstart, SPIN)
    assert load_recipe(written_recipe(tmp_path, plain, "small"))[0].method == "spin"
    path = written_recipe(tmp_path, plain, "small", **{key.replace(".", "__"): new for key, new in changes.items()})
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert re.fullmatch(re.escape(f"{path}: ") + line, str(error.value)), str(error.value)
