import re
from pathlib import Path

import pytest
import tomli_w
from pydantic import BaseModel

from flows.methods import METHODS, recipe_class
from flows.recipes import load_recipe
from schemas import alarms, controls, gate, recipe, settings, training
from schemas.errors import BadInput
from schemas.section import Section

from .sections import BY_URL, DPO, GOLD, HERE, RSPO, TAUGHT

ROOT = Path(__file__).resolve().parents[2]
POLICY = {
    "waves": 1, "steps": 1, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-4, "schedule": "constant",
    "max_length": 64, "advantage": "batch", "filter": "after", "clip_low": 0.2, "clip_high": 0.2,
    "reduction": "token",
}  # fmt: skip
SHIPPED = sorted((ROOT / "deployments/recipes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_begins_with_the_command_that_plays_it(path):
    loaded, text = load_recipe(path)
    assert loaded.name == path.stem
    assert text.startswith(f"# selfplay run deployments/recipes/{path.name}\n")


def test_a_guard_is_named_once(write_recipe, quickstart):
    sums, sealed = quickstart["benchmarks"]
    guard = {"benchmark": "more-sums", "max_loss": 0.01}
    benchmarks = [sums, sums | {"name": "more-sums"}, sealed]
    once = load_recipe(write_recipe(benchmarks=benchmarks, gate__guards=[guard]))[0]
    assert [found.benchmark for found in once.gate.guards] == ["more-sums"]
    with pytest.raises(BadInput, match=r"gate\.guards: 'more-sums' is no other unsealed benchmark, or named twice"):
        load_recipe(write_recipe(benchmarks=benchmarks, gate__guards=[guard, guard]))


def test_every_field_of_a_recipe_is_documented():
    modules = (recipe, settings, gate, training, alarms, controls)
    found = [value for module in modules for value in vars(module).values()]
    found += [section for name in METHODS for section in sections_of(recipe_class(name))]
    models = {m for m in found if isinstance(m, type) and issubclass(m, Section | alarms.Measured)}
    undocumented = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
        and not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]
    assert sorted(set(undocumented)) == []


def sections_of(model):
    """A section, and every section below it."""
    yield model
    for field in model.model_fields.values():
        for below in (field.annotation, *getattr(field.annotation, "__args__", ())):  # X | None, tuple[X, ...]
            if isinstance(below, type) and issubclass(below, BaseModel):
                yield from sections_of(below)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"method": "serle"}, r"method = 'serle': did you mean serl\?"),
        ({"method": ["serl"]}, rf"method = \['serl'\]: expected one of {', '.join(METHODS)}"),
        ({"method": None}, rf"method: expected one of {', '.join(METHODS)}"),
        (
            {"pair_gold": {"pairs_per_question": 1}},
            r"pair_gold: method = 'serl' does not read it; alpha_spin, spin, sprec do",
        ),
        ({"chess": {"level": 1}}, r"chess: no such key; there are alarms, .*"),
        ({"solve__samples": 3}, r"solve\.samples: no such key; did you mean num_samples\?"),
        ({"solve__num_samples": "many"}, r"solve\.num_samples = 'many': Input should be a valid integer.*"),
        ({"solve__num_samples": 1}, r"solve\.num_samples = 1: Input should be greater than or equal to 2"),
        ({"propose__target": None}, r"propose\.target: Field required"),
        ({"select__min_agreement": 0.9, "select__max_agreement": 0.2}, r"select: min_agreement must not exceed .*"),
        ({"train__methods": ["dpo"]}, r"train: \[train\.sft\] goes with 'sft' in methods, and only with it"),
        ({"gate__benchmark": "sums-sealed"}, r"recipe: gate\.benchmark: 'sums-sealed' is no unsealed benchmark.*"),
        ({"gate__sealed": "sums"}, r"recipe: gate\.sealed: 'sums' is no sealed benchmark of this recipe"),
        ({"gate__sealed": "hidden"}, r"recipe: gate\.sealed: 'hidden' is no sealed benchmark of this recipe"),
        *(
            (
                {"gate__guards": guards},
                rf"recipe: gate\.guards: '{name}' is no other unsealed benchmark, or named twice",
            )
            for name, guards in (
                ("unknown", [{"benchmark": "unknown", "max_loss": 0.01}]),
                ("sums-sealed", [{"benchmark": "sums-sealed", "max_loss": 0.01}]),
                ("sums", [{"benchmark": "sums", "max_loss": 0.01}]),
            )
        ),
        ({"gate__guards": [{"benchmark": "sums"}]}, r"gate\.guards\.0\.max_loss: Field required"),
        (
            {"gate__guards": [{"benchmark": "sums", "max_loss": 0}]},
            r"gate\.guards\.0\.max_loss = 0: .* greater than 0",
        ),
        ({"gate__level": 1}, r"gate\.level = 1: Input should be less than 1"),
        ({"gate__min_vote_precision": 60}, r"gate\.min_vote_precision = 60: .* less than or equal to 1"),
        ({"propose__novelty": {"method": "exact", "threshold": 0.7}}, r"propose\.novelty: threshold goes with .*"),
        (
            {"engine__url": "http://127.0.0.1"},
            r"engine\.url: another kind of engine reads it; change kind, or leave it out",
        ),
        ({"executor": {"kind": "local", "workers": 2}}, r"executor\.workers: another kind of executor reads it; .*"),
        ({"executor": {"kind": "ray"}}, r"executor\.workers: Field required"),
        ({"executor": {"kind": "ray", "workers": 2, "address": "ray://a:1"}}, r"executor\.address = 'ray://a:1': .*"),
        ({"answers__pattern": "("}, r"answers\.pattern: not a regular expression: .*"),
        ({"propose__filters__min_words": 9}, r"propose\.filters: min_words must not exceed max_words"),
        ({"seed": 2**70}, r"seed = 1180591620717411303424: .*"),
        ({"name": "objects"}, r"recipe: name: 'objects' is the store's own folder"),
        (
            {"alarms__unanimous__level": "loud"},
            r"alarms\.unanimous\.level = 'loud': Input should be 'warning', 'hold' or 'off'",
        ),
        ({"alarms__unanimous__threshold": 1.5}, r"alarms\.unanimous\.threshold = 1\.5: .*"),
        ({"alarms__unheard_of__level": "off"}, r"alarms\.unheard_of: no such key; there are answer_entropy, .*"),
        ({"alarms__unanimous": "off"}, r"alarms\.unanimous = 'off': .*"),
        ({"train__sft__rows_at_once": 5}, r"train\.sft: rows_at_once = 5 must divide batch_size = 64"),
        ({"train__launch": {"processes": 1}}, r"train\.launch\.processes = 1: .* greater than or equal to 2"),
        ({"train__launch": {"processes": 2, "fsdp": "no"}}, r"train\.launch\.fsdp = 'no': .*"),
        (
            {"train__launch": {"processes": 3, "machines": 2}},
            r"train\.launch: machines = 2 must divide processes = 3",
        ),
        (
            {"train__launch": {"processes": 2, "machines": 2}},
            r"train\.launch: address goes with machines above 1, .*",
        ),
        (
            {"train__launch": {"processes": 2, "address": "a"}},
            r"train\.launch: address goes with machines above 1, .*",
        ),
        (
            {"train__launch": {"processes": 2}},
            r"train: sft\.rows_at_once = 64 in each of launch\.processes = 2 must divide sft\.batch_size = 64",
        ),
        ({"build": None}, r"build: Field required"),
        (
            {"validation__min_policy_rows": 5},
            r"validation\.min_policy_rows: method = 'serl' does not read it; .* and \d+ more do",
        ),
        (
            {"train__methods": ["policy"], "train__sft": None, "train__policy": POLICY},
            r"recipe: train\.methods: 'policy' does not go with method = 'serl', which trains by sft, dpo, .*",
        ),
        ({"train__stop": {"max_kl": 0.1}}, r"train: stop\.max_kl = .* goes with 'policy' in methods"),
        ({"controls__seeds_alone": True}, r"recipe: controls\.seeds_alone needs \[data\.gold\]"),
        (
            {"controls__random_label": True, "vote__rule": "string"},
            r"recipe: controls\.random_label = true with vote\.rule = 'string': .*; set vote\.rule = 'classes', .*",
        ),
        ({"build__gold_share": 0.2}, r"recipe: build\.gold_share needs \[data\.gold\]"),
        (
            {"solve__early_stopping": True, "vote__rule": "serl_pivot"},
            r"recipe: solve\.early_stopping goes with vote\.rule = 'classes'",
        ),
        ({"data__gold": GOLD}, r"recipe: \[data\.gold\] is not used: set one of controls\.seeds_alone, .*"),
        (
            {"build__gold_share": 0.6, "build__replay_share": 0.4},
            r"build: gold_share and replay_share leave no room .*",
        ),
        ({"build__pairs": "best_worst"}, r"build: pairs = 'best_worst' goes with pairs_per_question = 1"),
        (
            {"build__pairs": "all_combinations", "build__pairs_per_question": 0},
            r"build: pairs = 'all_combinations' needs pairs_per_question above 0",
        ),
        (
            {"build__pairs": "all_combinations"},
            r"recipe: build\.pairs = 'all_combinations': no method .* reads pairs",
        ),
        ({"train__previous_rounds": 2}, r"train: previous_rounds = 2: no method in methods reads pairs"),
        ({"train__stop": {"max_drift": 1.0}}, r"train: stop\.max_drift = 1\.0: no method in methods reads pairs"),
        ({"train__stop": {"min_reward": 0.5}}, r"train: stop\.min_reward = 0\.5 goes with 'policy' in methods"),
        (
            {"train__methods": ["dpo"], "train__sft": None, "train__dpo": DPO | {"label_smoothing": 0.3}},
            r"train\.dpo: label_smoothing = 0\.3: no loss in loss_type reads it",
        ),
        (
            {"train__methods": ["dpo"], "train__sft": None, "train__dpo": DPO | {"changes": [{"from_round": 2}]}},
            r"train\.dpo\.changes\.0: from_round = 2 changes nothing: give learning_rate or beta",
        ),
        (
            {"train__methods": ["dpo"], "train__sft": None, "train__dpo": DPO, "build__replay_share": 0.1},
            r"recipe: build\.gold_share and build\.replay_share go with 'sft' in train\.methods",
        ),
    ],
)
def test_a_bad_recipe_gives_one_line_with_file_key_value_and_what_was_expected(write_recipe, changes, line):
    path = write_recipe(**changes)
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert re.fullmatch(re.escape(f"{path}: ") + line, str(error.value)), str(error.value)


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_taken_for_another_kind(write_recipe):
    wrong = {"solve.num_samples": "8", "seed": 1.0, "rounds": True, "solve.promt": "x", "nmae": "y"}
    path = write_recipe(**{key.replace(".", "__"): value for key, value in wrong.items()})
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert sorted(str(error.value).split("\n")) == [
        f"{path}: nmae: no such key; did you mean name?",
        f"{path}: rounds = True: Input should be a valid integer",
        f"{path}: seed = 1.0: Input should be a valid integer",
        f"{path}: solve.num_samples = '8': Input should be a valid integer",
        f"{path}: solve.promt: no such key; did you mean prompt?",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"engine": BY_URL | {"model": "m"}}, r"engine: model and revision go together: .*"),
        ({"engine": BY_URL | {"revision": "1"}}, r"engine: model and revision go together: .*"),
        ({"engine": TAUGHT | {"model": "two words"}}, r"engine\.model = 'two words': String should match pattern .*"),
        ({"engine": BY_URL | {"api": "responses"}}, r"engine\.api = 'responses': .*'completions' or 'chat'"),
        ({"engine": TAUGHT}, r"recipe: engine\.model cannot answer the benchmarks .*: say what does, .*"),
        (
            {"engine": TAUGHT, "evaluate__engine": TAUGHT},
            r"evaluate: engine\.model: base, champion and candidate answer for themselves; .*",
        ),
        (
            {"engine": TAUGHT, "evaluate__engine": HERE, "train__methods": ["rspo"], "train__sft": None}
            | {"train__rspo": RSPO, "validation__min_preference_pairs": 1},
            r"recipe: engine\.model does not go with regularizer = 'base_samples', which asks the base",
        ),
    ],
)  # fmt: skip
def test_anothers_model_stands_for_nobody_and_is_named_whole(write_recipe, changes, line):
    path = write_recipe(**changes)
    with pytest.raises(BadInput) as error:
        load_recipe(path)
    assert re.fullmatch(re.escape(f"{path}: ") + line, str(error.value)), str(error.value)


def test_the_benchmarks_may_have_an_engine_of_their_own(write_recipe):
    plain, taught = (load_recipe(write_recipe(engine=e, evaluate__engine=HERE))[0] for e in (BY_URL, TAUGHT))
    assert plain.evaluation_engine.kind == taught.evaluation_engine.kind == "transformers"
    here = load_recipe(write_recipe())[0]
    assert here.evaluation_engine == here.engine
    assert plain.evaluate.model_dump() == here.evaluate.model_dump(), "it is in the key as what it is, and only there"


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
