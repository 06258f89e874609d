"""Whole rounds on the real vLLM, in an environment of its own: `make test-vllm` builds it and plays them.

The quickstart, whose engine is killed over its work; its recipe by three engines; a round on SmolLM2, of 16 questions
with 4 attempts each of at most 128 tokens, by vLLM that the run starts and by URL.
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

from schemas.engines import TransformersEngine, VllmEngine
from schemas.settings import Sampling
from tasks.audit.examine import examine_store
from tasks.engines import Checkpoint, Request, close_engine, completed, open_engine, server
from tasks.engines.openai import served_name
from tasks.engines.vllm_command import NAME, command, variables
from tasks.engines.vllm_environment import vllm_environment
from tasks.prompts import load_prompt
from tasks.store.lineage import open_lineage
from tasks.store.objects import digest_of, folder_digests

from .faults import ROOT, SELFPLAY

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]
SMOLLM2 = ROOT / "deployments/models/smollm2"
VLLM = {"kind": "vllm", "concurrency": 64, "timeout_seconds": 600}
ENGINES = {
    "transformers": {"kind": "transformers", "batch_rows": 512},
    "openai": {"kind": "openai", "concurrency": 64, "timeout_seconds": 600, "url": "http://127.0.0.1:9/v1"},
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
def play():
    def run(recipe, store):
        environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
        ended = subprocess.run(
            [*SELFPLAY, "run", str(recipe), "--store", str(store)],
            cwd=ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        return ended.returncode, ended.stderr

    return run


@pytest.fixture(scope="module")
def by_engines(tmp_path_factory, written_recipe, play):
    """Play a round of a recipe by some engines: engine -> its store."""

    def rounds(recipe, model, max_model_len, names, **changes):
        folder = tmp_path_factory.mktemp("rounds")
        stores = {name: folder / name for name in names}

        vllm = VLLM | {"max_model_len": max_model_len}
        engines = ENGINES | {"vllm": vllm}

        def played(name, **more):
            path = written_recipe(folder, recipe, "small", engine=engines[name] | more, **changes)
            return play(path, stores[name])

        for name in names:
            if name == "openai":
                ended = by_url(lambda url: played("openai", url=url), model, VllmEngine(**vllm), folder)
            else:
                ended = played(name)
            assert ended == (0, "")
        return stores

    return rounds


def by_url(played, model, settings, folder):
    """Play against a server of the base model, and then against the one that the run asks for."""
    weights, name = model, served_name(digest_of(folder_digests(model)))
    for _ in range(2):

        def named(port, weights=weights, name=name):
            words = command(settings, vllm_environment(), weights, port)
            words = [word for word in words if word not in ("--middleware", "selfplay_door.Door")]  # a user's own
            return [name if word == NAME else word for word in words]

        child = server.start(named, variables(vllm_environment(), ""), folder)
        try:
            server.wait_for(child, lambda url=child.url: answers(url), lambda *_: None, "vLLM")
            code, said = played(f"{child.url}/v1")
        finally:
            child.end()
        if code != 4 or not (wanted := re.search(r"vllm serve (\S+) --served-model-name (\S+) ", said)):
            break
        weights, name = wanted.groups()
    return code, said


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


@pytest.fixture(scope="module")
def sums(by_engines, quickstart, tmp_path_factory):
    """The quickstart's recipe, small, by three engines; and the model that they had."""
    twin = tmp_path_factory.mktemp("twin")
    subprocess.run([sys.executable, ROOT / "scripts/make_tiny_for_vllm.py", "--target", twin], check=True)
    return by_engines(quickstart, twin, 256, ("transformers", "vllm", "openai"), model__path=str(twin)), twin


def test_every_engine_leaves_the_same_schema_and_the_same_ancestry(sums):
    stores, _ = sums
    assert all(examine_store(store).damage == () for store in stores.values())
    shapes = [shape(store) for store in stores.values()]
    assert shapes[0] == shapes[1] == shapes[2]
    prompts = [
        {(r["wave"], r["prompt_index"]): r["prompt"] for r in rows_of(s, "proposals")} for s in stores.values()
    ]
    for index in range(32):
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
    return columns, {key: bool(value) for key, value in story.items() if key != "dropped"}


def greedy(store):
    rows = rows_of(store, "evaluations", "evaluate.base")
    return {row["item_id"]: row["text"] for row in rows if row["greedy"]}


def assert_equal_but_for_ties(texts, store, prompt, model, shown):
    """Engine -> item -> greedy text: where two differ, the tokens at which they part had the same score."""
    prompts = {i["id"]: prompt.render(question=i["question"]) for i in rows_of(store, "inputs/benchmark_items")}
    tokenizer = AutoTokenizer.from_pretrained(model)
    weights = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for one, other in combinations(texts, 2):
        assert texts[one].keys() == texts[other].keys()
        differing = [item for item in texts[one] if texts[one][item] != texts[other][item]]
        equal = f"{len(texts[one]) - len(differing)} of {len(texts[one])}"
        shown("shown", f"{one} and {other}, {model.name}: {equal} greedy texts equal")
        for item in differing:
            assert gap(weights, tokenizer, prompts[item], texts[one][item], texts[other][item]) < 1e-3


def test_greedy_texts_are_equal_by_every_engine_but_for_ties(sums, record_property):
    stores, twin = sums
    texts = {name: greedy(store) for name, store in stores.items()}
    assert len(texts["vllm"]) == 200
    prompt = load_prompt("solve_sums", ROOT)
    assert_equal_but_for_ties(texts, stores["vllm"], prompt, twin, record_property)


@pytest.fixture(scope="module")
def topics(by_engines):
    """A round on SmolLM2 by vLLM, started by the run and by URL."""
    shipped = ROOT / "deployments/recipes"
    recipe = tomllib.loads((shipped / "smollm2_topics.toml").read_text())
    recipe["model"]["path"] = str(SMOLLM2)
    for rows in (recipe["data"]["seeds"], recipe["data"]["probe"], *recipe["benchmarks"]):
        rows["path"] = str((shipped / rows["path"]).resolve())
    recipe["benchmarks"][0]["sample"] = 16
    return by_engines(recipe, SMOLLM2, 1024, ("vllm", "openai"), **SIZES)


def test_a_round_on_smollm2_has_16_questions_and_4_attempts_each_and_starts_one_engine(topics, record_property):
    for name, store in topics.items():
        m = manifest(store)
        assert m.decision in ("promoted", "held")
        questions = {row["id"] for row in rows_of(store, "questions")}
        attempts = [row for row in rows_of(store, "attempts") if row["question_id"] in questions]
        assert (len(questions), len(attempts)) == (16, 64)
        assert 100 < max(row["num_tokens"] for row in attempts) <= 128
        record_property("shown", f"SmolLM2 by {name}: {m.tokens['solve'] / m.seconds['solve']:.0f} tokens/s in solve")
        assert examine_store(store).damage == ()
    assert len(logs(topics["vllm"])) == 1


def test_greedy_texts_of_smollm2_are_equal_but_for_ties(topics, record_property):
    texts = {name: greedy(store) for name, store in topics.items()}
    assert len(texts["vllm"]) == 16
    prompt = load_prompt("solve_topics", ROOT)
    items = rows_of(topics["vllm"], "inputs/benchmark_items")
    sampling = Sampling(temperature=0.0, max_tokens=SIZES["evaluate__max_tokens"])
    requests = [Request(item["id"], prompt.render(question=item["question"]), sampling, 0) for item in items]
    with open_engine(TransformersEngine(kind="transformers", batch_rows=8), Checkpoint("x", SMOLLM2)) as engine:
        texts["transformers"] = {c.request_id: c.text for c in completed(engine, requests)}
    close_engine()
    assert_equal_but_for_ties(texts, topics["vllm"], prompt, SMOLLM2, record_property)


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
