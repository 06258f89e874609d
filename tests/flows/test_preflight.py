import json
import re
import shutil
from pathlib import Path

import pytest

from flows.keyed import keyed
from flows.preflight import preflight
from flows.round import Round
from schemas.errors import BadInput
from schemas.manifest import CheckpointRef
from tasks.solve import solve

TINY = Path(__file__).resolve().parents[2] / "deployments/models/tiny"
BY_URL = {"kind": "openai", "url": "http://127.0.0.1:1/v1", "concurrency": 1, "timeout_seconds": 1}
TAUGHT = BY_URL | {"model": "teacher-7b", "revision": "1"}
HERE = {"kind": "transformers", "batch_rows": 8}
VLLM = {"kind": "vllm", "max_model_len": 256, "concurrency": 8, "timeout_seconds": 60}


def test_a_base_model_that_would_import_code_is_refused_before_anything_is_written(tmp_path, write_recipe):
    model = shutil.copytree(TINY, tmp_path / "model")
    settings = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(settings | {"auto_map": {"AutoModelForCausalLM": "mine.Model"}}))
    path = write_recipe(model__path=str(model))
    named = re.escape(f"{path}: model.path = '{model}': {model}/config.json: auto_map = ")
    with pytest.raises(BadInput, match=f"^{named}.*a checkpoint may bring no code; use a model"):
        preflight(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_rule_that_a_recipe_leaves_out_is_no_part_of_what_its_lineage_fixed(write_recipe, tmp_path):
    def fixed(**changes):
        return preflight(write_recipe(**changes), tmp_path / "store").fixed["gate"]

    plain = '{"benchmark":"sums","test":"mcnemar","level":0.05,"min_gain":0.0}'
    assert fixed() == plain, "rules that came later must not end the lineages from before"
    assert fixed(gate__guards=[], gate__approval=True, gate__level=0.05) == plain
    assert fixed(gate__sealed="sums-sealed") != plain


def test_a_server_that_would_write_its_own_date_is_refused(write_recipe, quickstart, tmp_path):
    model = Path(shutil.copytree(quickstart["model"]["path"], tmp_path / "model"))
    (model / "chat_template.jinja").write_text(
        "{{ strftime_now('%d') }}{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    path = write_recipe(engine=BY_URL | {"api": "chat"}, evaluate__engine=HERE, model__path=str(model))
    with pytest.raises(BadInput, match=r"engine\.api = 'chat', and the chat template of .* writes the date"):
        preflight(path, tmp_path / "store")


@pytest.mark.parametrize(
    ("engine", "template", "prompt", "words"),
    [
        (BY_URL | {"api": "chat"}, False, "solve_sums", r"engine\.api = 'chat', and .* no chat template; use api ="),
        (TAUGHT, True, "solve_math", r"solve\.prompt is a chat, and the template of engine\.model = 'teacher-7b'"),
        (TAUGHT | {"api": "chat"}, True, "solve_math", ""),
        (TAUGHT | {"api": "chat"}, False, "solve_sums", ""),
        (TAUGHT, False, "solve_sums", ""),
        (BY_URL | {"api": "chat"}, True, "solve_math", ""),
    ],
)
def test_a_template_that_nobody_has_is_missed_before_anything_is_asked(
    write_recipe, quickstart, tmp_path, engine, template, prompt, words
):
    model = Path(shutil.copytree(quickstart["model"]["path"], tmp_path / "model"))
    if template:
        (model / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    path = write_recipe(engine=engine, evaluate__engine=HERE, model__path=str(model), solve__prompt=prompt)
    if words:
        with pytest.raises(BadInput, match=words):
            preflight(path, tmp_path / "store")
    else:
        preflight(path, tmp_path / "store")


def test_a_teachers_key_is_made_of_its_name_and_not_of_where_it_stands(write_recipe, rounds):
    def key(engine):
        plan = preflight(write_recipe(engine=engine, evaluate__engine=HERE), rounds.folder)
        champion = CheckpointRef(digest="c" * 64)
        round = Round(plan.recipe, plan.recipe_folder, plan.sources, rounds.lineage, 1, rounds.base, champion, None)
        return keyed(round, solve, {"engine": plan.recipe.engine, "model": round.author}).key

    moved = {"url": "https://elsewhere.example/v1", "concurrency": 64, "api_key_env": "KEY"}
    assert key(TAUGHT) == key(TAUGHT | moved)
    assert key(BY_URL) == key(BY_URL | moved)
    others = [TAUGHT, TAUGHT | {"model": "teacher-9b"}, TAUGHT | {"revision": "2"}, TAUGHT | {"api": "chat"}, BY_URL]
    assert len({key(engine) for engine in others}) == len(others)


def test_a_recipe_for_vllm_without_its_environment_is_one_line_and_nothing_is_written(tmp_path, write_recipe):
    recipe = write_recipe(engine=VLLM | {"python": str(tmp_path / "gone/python")})
    with pytest.raises(BadInput, match=r"small\.toml: engine\.python = '.*gone/python': .*make vllm-env") as refused:
        preflight(recipe, tmp_path / "store")
    assert str(refused.value).count("\n") == 0
    assert not (tmp_path / "store").exists()


def test_memory_of_the_server_is_said_once(tmp_path, write_recipe):
    recipe = write_recipe(engine=VLLM | {"gpu_memory_utilization": 0.5, "kv_cache_gib": 1.0})
    with pytest.raises(BadInput, match="gpu_memory_utilization and kv_cache_gib exclude each other"):
        preflight(recipe, tmp_path / "store")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"answers__pattern": r"answer: (\d)"},
            r"data\.probe: the checker errs: \d+ of 16 rows' answers known to be right are marked wrong, such as "
            r"'answer: \d+' for the reference '\d+' \(row \d+\): read as '\d', different; look at "
            r"answers\.pattern, answers\.equivalence and the column of the answers; type: selfplay check-answers "
            r"\S+probe\.jsonl --question question --answer answer --equivalence canonical --answer-pattern "
            r"'answer: \(\\d\)'$",
        ),
        (
            {"data__probe__answer": "question"},
            r"data\.probe\.answer = 'question': \S+ holds the questions there; 'answer' reads as answers",
        ),
    ],
)
def test_a_checker_that_errs_on_the_recipes_own_references_is_found_before_anything_is_spent(
    write_recipe, tmp_path, changes, words
):
    with pytest.raises(BadInput, match=words) as refused:
        preflight(write_recipe(**changes), tmp_path / "store")
    assert str(refused.value).count("\n") == 0
    assert not (tmp_path / "store").exists()


def test_a_benchmark_is_checked_by_itself_the_sealed_one_too(write_recipe, quickstart, tmp_path):
    rows = [{"question": f"{n}?", "answer": word} for n, word in enumerate(("yes", "no", "never", "always"))]
    (tmp_path / "words.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for place in (0, 1):
        benchmarks = [dict(benchmark) for benchmark in quickstart["benchmarks"]]
        benchmarks[place]["path"] = str(tmp_path / "words.jsonl")
        with pytest.raises(
            BadInput, match=rf"benchmarks\.{benchmarks[place]['name']}: the checker errs: 4 of 4 rows'"
        ):
            preflight(write_recipe(benchmarks=benchmarks), tmp_path / "store")


def test_a_base_that_is_not_whole_is_refused_by_its_key_before_anything_is_written(tmp_path, write_recipe):
    model = shutil.copytree(TINY, tmp_path / "model")
    settings = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(settings | {"num_hidden_layers": 1}))
    path = write_recipe(model__path=str(model))
    for _ in range(2):  # what was refused is not taken for checked
        with pytest.raises(BadInput, match=rf"^{path}: model\.path = '{model}': .* more are left over"):
            preflight(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    (model / "config.json").write_text(json.dumps(settings))
    preflight(path, tmp_path / "store")


def test_a_base_is_checked_once_for_the_same_prompts_and_rows(tmp_path, write_recipe, monkeypatch):
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "cache"))

    def checked():
        return len(list((tmp_path / "cache/checked").iterdir()))

    for _ in range(2):
        preflight(write_recipe(), tmp_path / "store")
        assert checked() == 1
    preflight(write_recipe(solve__sampling__max_tokens=57), tmp_path / "store")
    preflight(write_recipe(data__seeds__sample=7), tmp_path / "store")
    assert checked() == 3


def test_a_template_that_refuses_a_system_message_names_the_sections_prompt(tmp_path, write_recipe):
    model = shutil.copytree(TINY, tmp_path / "model")
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    path = write_recipe(model__path=str(model), propose__prompt="propose_questions")
    words = r"propose\.prompt = 'propose_questions': the model's chat template refuses it \(a system message\): no"
    with pytest.raises(BadInput, match=f"^{path}: {words} system role; write it into the user's block"):
        preflight(path, tmp_path / "store")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"solve__sampling__max_tokens": 256}, r"solve\.prompt = 'solve_sums': its shortest prompt, \d+ tokens, and"),
        ({"evaluate__max_tokens": 256}, r"evaluate\.prompt = 'solve_sums': its shortest prompt, \d+ tokens, and"),
        ({"propose__sampling__max_tokens": 256}, r"propose\.prompt = 'propose_sums': its shortest prompt, \d+ tok"),
        ({"train__sft__max_length": 257}, r"train\.sft\.max_length = 257: the model has 256 positions"),
    ],
)
def test_what_cannot_fit_the_models_window_is_foreseen(tmp_path, write_recipe, changes, words):
    with pytest.raises(BadInput, match=words):
        preflight(write_recipe(**changes), tmp_path / "store")


@pytest.mark.parametrize("place", ["data.seeds", "data.probe", "benchmarks.sums"])
def test_a_row_that_cannot_fit_the_models_window_is_foreseen(tmp_path, write_recipe, quickstart, place):
    long = "+".join(["1"] * 101)
    (tmp_path / "long.jsonl").write_text(
        "".join(
            json.dumps({"question": q, "answer": a}) + "\n" for q, a in (("1+1", "2"), (long, "101"), ("2+2", "4"))
        )
    )
    if place == "benchmarks.sums":
        benchmarks = [dict(benchmark) for benchmark in quickstart["benchmarks"]]
        benchmarks[0] |= {"path": str(tmp_path / "long.jsonl"), "sample": 3}
        changes = {"benchmarks": benchmarks}
    else:
        changes = {f"{place.replace('.', '__')}__path": str(tmp_path / "long.jsonl")}
    with pytest.raises(BadInput, match=rf"{place}: row 1: 2\d\d tokens in \w+\.prompt = '\w+', and max_tokens = "):
        preflight(write_recipe(**changes), tmp_path / "store")
