"""Whole rounds on the real vLLM, in an environment of its own: `make test-vllm` builds it and plays them.

The quickstart, whose engine is killed over its work; then one recipe on SmolLM2 by three engines: 16 questions, 4
attempts each, of at most 128 tokens.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from itertools import combinations

import psutil
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.settings import VllmEngine
from tasks.audit.examine import examine_store
from tasks.engines import server
from tasks.engines.vllm_command import NAME, command, variables
from tasks.engines.vllm_environment import vllm_environment
from tasks.prompts import load_prompt
from tasks.store.lineage import open_lineage

from .faults import ROOT, SELFPLAY

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]
SMOLLM2 = ROOT / "deployments/models/smollm2"
VLLM = {"kind": "vllm", "max_model_len": 1024, "concurrency": 64, "timeout_seconds": 300}
ENGINES = {
    "transformers": {"kind": "transformers", "batch_rows": 32},
    "vllm": VLLM,
    "openai": {"kind": "openai", "concurrency": 64, "timeout_seconds": 300, "url": "http://127.0.0.1:9/v1"},
}
SIZES = {
    "data__probe__sample": 4,
    "propose__target": 16,
    "propose__prompts_per_wave": 8,
    "propose__max_waves": 4,
    "solve__num_samples": 4,
    "solve__questions_per_shard": 8,
    "solve__sampling": {"temperature": 0.8, "max_tokens": 128},
    "select__min_agreement": 0.25,
    "select__max_per_answer": None,
    "validation__min_sft_examples": 1,
    "validation__min_vote_precision": 0.0,
    "validation__max_unparsable": 1.0,
    "train__sft__steps": 1,
    "train__sft__batch_size": 1,
    "train__sft__rows_at_once": 1,
    "train__sft__max_length": 256,
    "train__sft__warmup_steps": 0,
    "evaluate__stop": [],
    "evaluate__max_tokens": 64,
    "evaluate__num_samples": 0,
    "evaluate__items_per_shard": 8,
}


def vllm_processes(process, name):
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if child.name().startswith(name[:15])]


def parts_of(table, run):
    """How many shards a stage has written, once it has written one."""
    until = time.monotonic() + 900
    while not (found := list(table.glob("*/part-*.parquet"))):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    return len(found)


def logs(store):
    return sorted((store / "small/cache/vllm").glob("*.log"))


def test_a_round_of_the_quickstart_outlives_its_engine(tmp_path, quickstart, written_recipe, started):
    twin = tmp_path / "twin"
    subprocess.run([sys.executable, ROOT / "scripts/make_tiny_for_vllm.py", "--target", twin], check=True)
    shipped = tomllib.loads((ROOT / "deployments/recipes/quickstart_vllm.toml").read_text())
    sections = {key: shipped[key] for key in ("engine", "propose", "solve", "validation", "train")}
    store = tmp_path / "store"
    recipe = written_recipe(tmp_path, quickstart, "small", model__path=str(twin), **sections)
    run = started(recipe, store)
    shards = parts_of(store / "small/round-0001/attempts", run)
    (engine,) = vllm_processes(run, "VLLM::EngineCore")
    assert shards < 4, "solve is under way"
    engine.kill()
    output, errors = run.communicate(timeout=600)
    assert (run.returncode, errors) == (0, ""), output
    assert len(logs(store)) == 2, "one engine for the round, and one for the one that was killed"
    (m,) = open_lineage(store, "small").manifests
    assert m.decision in ("promoted", "held")
    asked = sum(ref.rows for name in ("questions", "inputs/probe") for ref in m.tables[name])
    assert sum(ref.rows for ref in m.tables["attempts"]) == 8 * asked
    assert examine_store(store).damage == ()


@pytest.fixture(scope="module")
def topics(tmp_path_factory, written_recipe):
    """The recipe on SmolLM2, small, for an engine."""
    folder, shipped = tmp_path_factory.mktemp("recipes"), ROOT / "deployments/recipes"
    recipe = tomllib.loads((shipped / "smollm2_topics.toml").read_text())
    recipe["model"]["path"] = str(SMOLLM2)
    for rows in (recipe["data"]["seeds"], recipe["data"]["probe"], *recipe["benchmarks"]):
        rows["path"] = str((shipped / rows["path"]).resolve())
    recipe["benchmarks"][0]["sample"] = 16

    def write(engine):
        return written_recipe(folder, recipe, "small", engine=engine, **SIZES)

    return write


@pytest.fixture(scope="module")
def play(home):
    def run(recipe, store):
        environment = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "OMP_NUM_THREADS")}
        ended = subprocess.run(
            [*SELFPLAY, "run", str(recipe), "--store", str(store)],
            cwd=ROOT, env=environment | {"PREFECT_HOME": str(home)}, capture_output=True, text=True,
        )  # fmt: skip
        return ended.returncode, ended.stderr

    return run


@pytest.fixture(scope="module")
def three(tmp_path_factory, topics, play):
    """Engine -> the store of a round that it played."""
    stores = {name: tmp_path_factory.mktemp(name) / "store" for name in ENGINES}
    for name in ("transformers", "vllm"):
        code, said = play(topics(ENGINES[name]), stores[name])
        assert code == 0, said
    play_by_url(topics, play, stores["openai"], tmp_path_factory.mktemp("server"))
    return stores


def play_by_url(topics, play, store, folder):
    """Start the server that the run asks for, as often as it stops for want of one."""
    settings = VllmEngine(**VLLM)
    environment = vllm_environment()
    weights, name = SMOLLM2, "nobody"
    for _ in range(3):

        def named(port, weights=weights, name=name):
            words = command(settings, environment, weights, port)
            return [name if word == NAME else word for word in words]

        child = server.start(named, variables(environment), folder)
        try:
            server.wait_for(child, lambda url=child.url: answers(url), lambda *_: None, "vLLM")
            code, said = play(topics(ENGINES["openai"] | {"url": f"{child.url}/v1"}), store)
        finally:
            child.end()
        if code == 0:
            return
        wanted = re.search(r"start it with: vllm serve (\S+) --served-model-name (\S+) ", said)
        assert (code, bool(wanted)) == (4, True), said
        weights, name = wanted.groups()
    raise AssertionError(said)


def answers(url):
    import httpx

    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def manifest(store):
    (found,) = open_lineage(store, "small").manifests
    return found


def rows_of(store, table, stage=None):
    lineage, m = open_lineage(store, "small"), manifest(store)
    refs = [r for r in m.tables[table] if stage is None or m.stages[stage] in r.path]
    return [row for ref in refs for row in pq.read_table(lineage.folder / ref.path).to_pylist()]


def test_a_round_has_16_questions_and_4_attempts_each_by_every_engine_and_one_start(three, record_property):
    for name, store in three.items():
        m = manifest(store)
        assert m.decision in ("promoted", "held")
        questions = {row["id"] for row in rows_of(store, "questions")}
        attempts = [row for row in rows_of(store, "attempts") if row["question_id"] in questions]
        assert (len(questions), len(attempts)) == (16, 64)
        assert max(row["num_tokens"] for row in attempts) <= 128
        spent = {stage: f"{m.tokens[stage] / m.seconds[stage]:.0f}" for stage in ("propose", "solve")}
        record_property("shown", f"SmolLM2 by {name}: tokens/s {spent}")
    assert len(logs(three["vllm"])) == 1


def test_every_engine_leaves_the_same_schema_and_the_same_ancestry(three):
    assert all(examine_store(store).damage == () for store in three.values())
    shapes = [shape(store) for store in three.values()]
    assert shapes[0] == shapes[1] == shapes[2]
    prompts = [{(r["wave"], r["prompt_index"]): r["prompt"] for r in rows_of(s, "proposals")} for s in three.values()]
    for index in range(8):
        assert len({found[0, index] for found in prompts}) == 1, "the first wave's few-shots come from the seeds"


def shape(store):
    """Every table with its columns, and what the story of a row that was trained on is made of."""
    lineage, m = open_lineage(store, "small"), manifest(store)
    columns = {
        table: str(pq.read_schema(next((lineage.folder / refs[0].path).glob("*.parquet"))).remove_metadata())
        for table, refs in m.tables.items()
    }
    row = rows_of(store, "sft_examples")[0]["id"]
    told = subprocess.run(
        [*SELFPLAY, "why", row, "--store", str(store), "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    story = json.loads(told.stdout)
    return columns, {key: bool(value) for key, value in story.items() if key not in ("dropped", "contamination")}


def test_greedy_texts_are_equal_by_every_engine_but_for_ties(three, record_property):
    texts = {
        name: {row["item_id"]: row["text"] for row in rows_of(store, "evaluations", "evaluate.base")}
        for name, store in three.items()
    }
    prompt = load_prompt("solve_topics", ROOT)
    items = rows_of(three["vllm"], "inputs/benchmark_items")
    prompts = {item["id"]: prompt.render(question=item["question"]) for item in items}
    tokenizer = AutoTokenizer.from_pretrained(SMOLLM2)
    model = AutoModelForCausalLM.from_pretrained(SMOLLM2, dtype=torch.float32)
    for one, other in combinations(texts, 2):
        assert texts[one].keys() == texts[other].keys() == prompts.keys()
        differing = [item for item in texts[one] if texts[one][item] != texts[other][item]]
        record_property(
            "shown", f"{one} and {other}: {len(items) - len(differing)} of {len(texts[one])} greedy texts equal"
        )
        for item in differing:
            assert gap(model, tokenizer, prompts[item], texts[one][item], texts[other][item]) < 1e-3


def gap(model, tokenizer, prompt, one, other):
    """How far the scores of the two tokens lie apart at which the texts part."""
    begun = tokenizer(prompt)["input_ids"]
    a, b = (
        [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id] for text in (one, other)
    )
    at = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    with torch.inference_mode():
        scores = model(torch.tensor([[*begun, *a[:at]]])).logits[0, -1]
    return abs(scores[a[at]] - scores[b[at]]).item()
