"""The vLLM engine on the real server, on a CPU, with the twin of the tiny model that it has kernels for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from schemas.engines import TransformersEngine, VllmEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, close_engine, completed, make_room, open_engine
from tasks.engines.keeper import members

from .api import TINY

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]
SCRIPT = TINY.parents[2] / "scripts/make_tiny_for_vllm.py"
HERE = TransformersEngine(kind="transformers", batch_rows=512)
GREEDY = Sampling(temperature=0.0, max_tokens=56)
WARM = Sampling(temperature=0.7, top_k=8, top_p=0.95, max_tokens=56)
SETTINGS = VllmEngine(kind="vllm", max_model_len=256, concurrency=32, timeout_seconds=120, kv_cache_gib=0.0625)


def widen(folder):
    subprocess.run([sys.executable, SCRIPT, "--target", folder], check=True)


def asked(sampling, n=1, first=0, questions=100, **changes):
    rows = (TINY.parents[1] / "data/sums/benchmark.jsonl").read_text().splitlines()[:questions]
    prompts = [json.loads(row)["question"] + "=\n" for row in rows]
    return [Request(str(i), prompt, sampling, i, n, first, **changes) for i, prompt in enumerate(prompts)]


def tokens(completions):
    return {(c.request_id, c.sample): (c.token_ids, c.text, c.finish_reason) for c in completions}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vllm")


@pytest.fixture(scope="module")
def twin(folder):
    widen(folder / "twin")
    return Checkpoint("a" * 64, folder / "twin")


@pytest.fixture(scope="module")
def other(folder, twin):
    """Weights that say other things."""
    widen(folder / "other")
    weights = load_file(folder / "other/model.safetensors")
    noise = torch.Generator().manual_seed(1)
    moved = {name: w * (1 + 0.3 * torch.randn(w.shape, generator=noise)) for name, w in weights.items()}
    save_file(moved, folder / "other/model.safetensors", metadata={"format": "pt"})
    return Checkpoint("b" * 64, folder / "other")


@pytest.fixture(scope="module")
def ask(folder):
    """Completions by one vLLM server for all tests here; `here`: by transformers."""

    def completions(weights, requests, settings=SETTINGS):
        with open_engine(settings, weights, logs=folder) as engine:
            return completed(engine, requests)

    yield completions
    close_engine()


@pytest.fixture(scope="module")
def here(ask, twin, other, folder):
    """Greedy completions by transformers."""
    found = {w.digest: tokens(ask(w, asked(GREEDY), HERE)) for w in (twin, other)}
    close_engine()
    return found


def logs(folder):
    return sorted((folder / "vllm").glob("*.log"))


def running():
    from tasks.engines.opened import _held

    return _held[0].engine.server


def test_greedy_tokens_texts_and_ends_equal_those_of_transformers(here, ask, twin, record_property):
    found = tokens(ask(twin, asked(GREEDY)))
    equal = sum(found[key] == here[twin.digest][key] for key in found)
    record_property("shown", f"vllm against transformers, tiny, greedy: {equal} of {len(found)} equal")
    assert equal >= 0.98 * len(found), "but for ties of floats"


def test_log_probabilities_are_the_models_own_before_temperature_and_cuts(ask, twin):
    completions = ask(twin, asked(WARM, n=2, questions=20, logprobs=True))
    model = AutoModelForCausalLM.from_pretrained(twin.folder, dtype=torch.float32)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(twin.folder)
    for completion in completions:
        prompt = tokenizer(completion.prompt)["input_ids"]
        with torch.inference_mode():
            told = model(torch.tensor([[*prompt, *completion.token_ids]])).logits[0].log_softmax(-1)
        own = [told[len(prompt) - 1 + i, token].item() for i, token in enumerate(completion.token_ids)]
        assert completion.logprobs == pytest.approx(own, abs=1e-3)


def test_a_later_sample_is_the_one_it_would_have_been(ask, twin):
    whole = tokens(ask(twin, asked(WARM, n=6, questions=30)))
    later = tokens(ask(twin, asked(WARM, n=2, first=4, questions=30)))
    assert len({text for _, text, _ in whole.values()}) > 60
    assert sum(whole[key] == later[key] for key in later) >= 0.98 * len(later)


def test_a_stop_character_ends_a_completion_and_is_not_part_of_its_text(ask, twin):
    stopping = GREEDY.model_copy(update={"stop": ("#",)})
    by_vllm, by_transformers = (tokens(ask(twin, asked(stopping, questions=30), s)) for s in (SETTINGS, HERE))
    assert all("#" not in text and end == "stop" for _, text, end in by_vllm.values())
    assert sum(by_vllm[key] == by_transformers[key] for key in by_vllm) >= 29


def test_other_weights_are_swapped_in_place_and_answer_as_in_transformers(
    here, ask, twin, other, folder, record_property
):
    close_engine()
    before = len(logs(folder))
    for weights in (twin, other, twin):
        found = tokens(ask(weights, asked(GREEDY)))
        equal = sum(found[key] == here[weights.digest][key] for key in found)
        record_property("shown", f"weights {weights.digest[0]}, swapped: {equal} of {len(found)} as in transformers")
        assert equal >= 0.98 * len(found)
        make_room()  # a training stands between: on a CPU the server stays
    assert len(logs(folder)) == before + 1
    differing = sum(here[twin.digest][key] != here[other.digest][key] for key in here[twin.digest])
    assert differing > 50


MANY = {"n": 8, "questions": 200}


@pytest.fixture(scope="module")
def steady(ask, twin):
    """What comes of many requests if nothing happens."""
    return tokens(ask(twin, asked(WARM, **MANY)))


def test_an_engine_whose_worker_is_killed_is_started_again_and_ends_with_the_same_rows(
    steady, twin, folder, record_property
):
    before, found = len(logs(folder)), []
    with open_engine(SETTINGS, twin, logs=folder) as engine:
        first = running()
        for completion in engine.generate(asked(WARM, **MANY)):
            found.append(completion)
            if len(found) == 20 * MANY["n"]:
                (worker,) = [p for p in map(psutil.Process, members(first.group)) if "Worker" in p.name()]
                worker.kill()
    assert len(found) == len(steady), "nothing twice, nothing missing"
    equal = sum(tokens(found)[key] == steady[key] for key in steady)
    record_property("shown", f"a worker killed over its work: {equal} of {len(steady)} samples as without")
    assert equal >= 0.98 * len(steady)
    assert (len(logs(folder)), running().group != first.group) == (before + 1, True)
    assert not members(first.group)


def test_an_adapter_is_served_without_a_merge_and_answers_as_peft_does(ask, twin, folder, record_property):
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(twin.folder, dtype=torch.float32)
    adapted = get_peft_model(
        base, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(folder / "adapter")
    merged = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(twin.folder, dtype=torch.float32), folder / "adapter"
    ).merge_and_unload()
    widen(folder / "merged")
    merged.save_pretrained(folder / "merged")
    expected = tokens(ask(Checkpoint("d" * 64, folder / "merged"), asked(GREEDY), HERE))
    plain = tokens(ask(twin, asked(GREEDY), HERE))
    adapter = Checkpoint("c" * 64, folder / "adapter", base=twin)
    found = tokens(ask(adapter, asked(GREEDY)))
    equal = sum(found[key] == expected[key] for key in found)
    record_property("shown", f"an adapter by vllm, unmerged, against peft, merged: {equal} of {len(found)} equal")
    assert equal >= 0.95 * len(found)
    assert sum(expected[key] != plain[key] for key in plain) > 50, "it says other things than its base"
    before = tokens(ask(twin, asked(GREEDY)))
    assert sum(before[key] == plain[key] for key in plain) >= 0.98 * len(plain), "and leaves the base as it was"


START = """
import sys
from pathlib import Path
from schemas.engines import VllmEngine
from tasks.engines import Checkpoint, open_engine
from tasks.engines import vllm
started = vllm.start
def tell(*given):
    server = started(*given)
    print(server.group, flush=True)
    return server
vllm.start = tell
settings, weights = VllmEngine.model_validate_json(sys.argv[1]), Checkpoint("a" * 64, Path(sys.argv[2]))
with open_engine(settings, weights, logs=Path(sys.argv[3])):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("when", ["it starts", "it is up"])
def test_a_factory_that_is_killed_leaves_no_process_and_no_shared_memory(twin, folder, when):
    close_engine()
    command = [sys.executable, "-c", START, SETTINGS.model_dump_json(), str(twin.folder), str(folder)]
    factory = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    group = int(factory.stdout.readline())
    if when == "it is up":
        assert factory.stdout.readline() == "up\n"
    else:
        until(lambda: len(members(group)) > 2, 120)  # the engine's own processes come: SIGTERM is not enough now
    shared = shared_memory(members(group))
    assert when == "it starts" or shared
    factory.send_signal(signal.SIGKILL)
    factory.wait()
    until(lambda: not members(group), 30)
    until(lambda: not any(os.path.exists(path) for path in shared), 5)


def shared_memory(pids):
    """The files of shared memory that the processes have open or mapped."""
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in pids)
    return {word for word in maps.split() if word.startswith("/dev/shm/")}


def until(condition, seconds):
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
