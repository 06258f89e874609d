import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from schemas.engines import TransformersEngine
from schemas.errors import Stopped
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, close_engine, completed, open_engine

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "deployments/models/tiny"
SETTINGS = TransformersEngine(kind="transformers", batch_rows=64)
WARM = Sampling(temperature=1.0, max_tokens=48)
SUMS = ["1+2+3+4=\n", "5+6+7+8+9=\n", "9+9+9+9+9+9=\n", "4+1+2+2=\n"]


@pytest.fixture
def engine():
    with open_engine(SETTINGS, Checkpoint("x", TINY)) as opened:
        yield opened


def texts(completions):
    return [(c.request_id, c.sample, c.text) for c in completions]


def test_a_request_has_the_same_samples_with_and_without_neighbours(engine):
    requests = [Request(str(i), prompt, WARM, seed=i, n=3) for i, prompt in enumerate(SUMS)]
    together = texts(completed(engine, requests))
    apart = [text for request in requests for text in texts(completed(engine, [request]))]
    assert together == apart


def test_a_shared_prefill_gives_the_samples_of_separate_requests(engine):
    (shared,) = [texts(completed(engine, [Request("q", SUMS[1], WARM, seed=5, n=4)]))]
    first = texts(completed(engine, [Request("q", SUMS[1], WARM, seed=5)]))
    assert first[0] == shared[0]
    assert len({text for _, _, text in shared}) > 1


def test_answers_come_in_the_requests_order_with_counts_and_reasons(engine):
    short = Sampling(temperature=0.0, max_tokens=4)
    long = Sampling(temperature=0.0, max_tokens=48)
    completions = completed(engine, [Request("long", SUMS[0], long, 0), Request("short", SUMS[1], short, 0, n=2)])
    assert [(c.request_id, c.sample) for c in completions] == [("long", 0), ("short", 0), ("short", 1)]
    assert [c.finish_reason for c in completions] == ["stop", "length", "length"]
    assert completions[0].text.count("#") == 1
    assert completions[0].num_tokens == len(completions[0].text) + 1  # characters are tokens, and the end is one
    assert completions[1].num_tokens == 4


def test_a_stop_character_ends_a_completion_and_is_not_part_of_it(engine):
    stopped = Sampling(temperature=0.0, max_tokens=48, stop=("\n",))
    (completion,) = engine.generate([Request("q", SUMS[0], stopped, 0)])
    assert completion.finish_reason == "stop"
    assert "\n" not in completion.text
    assert "=" in completion.text


def test_a_stop_character_that_no_token_holds_stops_the_run_with_one_line(engine):
    stopped = Sampling(temperature=0.0, max_tokens=4, stop=("\n", "é"))
    with pytest.raises(Stopped, match="models/tiny: stop = 'é' would end nothing: no token holds it; take another"):
        completed(engine, [Request("q", SUMS[0], stopped, 0)])


@pytest.mark.parametrize("prompts", [[""], ["", SUMS[0]]])
@pytest.mark.parametrize("n", [1, 3])
def test_an_empty_prompt_stops_the_run_with_one_line_alone_and_beside_others(engine, prompts, n):
    requests = [Request(str(i), prompt, WARM, seed=i, n=n) for i, prompt in enumerate(prompts)]
    with pytest.raises(Stopped, match="models/tiny: an empty prompt has no token to go on from; have"):
        completed(engine, requests)


def test_weights_that_cannot_be_loaded_stop_the_run_with_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    settings = TransformersEngine(kind="transformers", batch_rows=1)
    with (
        pytest.raises(Stopped, match="cannot be loaded"),
        open_engine(settings, Checkpoint("x", tmp_path)),
    ):
        pass


def test_completions_are_given_as_soon_as_their_batch_is_whole():
    requests = [Request(str(i), SUMS[i % 4], WARM, seed=i) for i in range(4)]
    with open_engine(SETTINGS.model_copy(update={"batch_rows": 2}), Checkpoint("x", TINY)) as engine:
        first, second, *later = (c.seconds for c in engine.generate(requests))
    assert first == second > 0
    assert first not in later


def test_tokens_and_their_log_probabilities_are_the_models_own(engine):
    (given,) = completed(engine, [Request("q", SUMS[0], Sampling(temperature=0.5, max_tokens=48), 3, logprobs=True)])
    prompt = engine.tokenizer(SUMS[0])["input_ids"]
    assert len(given.token_ids) == given.num_tokens == len(given.logprobs)
    assert engine.tokenizer.decode(given.token_ids, skip_special_tokens=True) == given.text
    with torch.inference_mode():
        logits = engine.model(torch.tensor([[*prompt, *given.token_ids]])).logits[0, len(prompt) - 1 : -1]
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(given.token_ids)[:, None])[:, 0]
    assert torch.allclose(torch.tensor(given.logprobs), expected, atol=1e-4)
    (silent,) = completed(engine, [Request("q", SUMS[0], Sampling(temperature=0.5, max_tokens=48), 3)])
    assert (silent.text, silent.logprobs) == (given.text, None)


@pytest.mark.slow
def test_a_batch_that_memory_has_no_room_for_is_halved_and_its_samples_stay(engine, monkeypatch):
    requests = [Request(str(i), SUMS[i % 4], WARM, seed=i, n=8) for i in range(5)]
    whole, sizes, generate = texts(completed(engine, requests)), [], engine._generate_batch

    def tight(batch):
        sizes.append(sum(request.n for request in batch))
        if sizes[-1] > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return generate(batch)

    monkeypatch.setattr(engine, "_generate_batch", tight)
    assert texts(completed(engine, requests)) == whole
    assert sizes[:4] == [40, 16, 8, 4]


def test_a_sequence_that_does_not_fit_alone_stops_the_run_with_one_line(engine, monkeypatch):
    def full(batch):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(engine, "_generate_batch", full)
    with pytest.raises(Stopped, match="not even one sequence fits"):
        completed(engine, [Request("q", SUMS[0], WARM, seed=0, n=4)])


UNDER_A_LIMIT = """
import hashlib, json, resource, sys
import psutil, torch
from pathlib import Path
from schemas.engines import TransformersEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, completed, open_engine
requests = [Request(str(i), "1+2+3+4=\\n", Sampling(temperature=1.0, max_tokens=48), i, n=128) for i in range(8)]
with open_engine(TransformersEngine(kind="transformers", batch_rows=1024), Checkpoint("x", Path(sys.argv[1]))) as e:
    completed(e, requests[:1])
    if sys.argv[2] != "0":
        size = psutil.Process().memory_info().vms + int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    calls, generate = [], e._generate_batch
    e._generate_batch = lambda batch: (calls.append(1), generate(batch))[1]
    texts = [c.text for c in completed(e, requests)]
print(json.dumps([hashlib.sha256(json.dumps(texts).encode()).hexdigest(), len(calls)]))
"""


@pytest.mark.slow
def test_samples_made_under_a_real_limit_of_memory_are_those_made_without():
    def played(limit):
        command = [sys.executable, "-c", UNDER_A_LIMIT, str(TINY), str(limit)]
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)

    (free, batches), (tight, more) = played(0), played(2_000_000)  # at 8 MB the allocator once had room
    assert tight == free
    assert more > batches == 1


def test_an_engine_stays_open_from_stage_to_stage_until_others_weights_or_training_want_its_memory():
    weights = Checkpoint("x", TINY)
    with open_engine(SETTINGS, weights) as first:
        pass
    with open_engine(SETTINGS, weights) as again:
        assert again is first
    with open_engine(SETTINGS, Checkpoint("y", TINY)) as other:
        assert other is not first
    close_engine()
    with open_engine(SETTINGS, Checkpoint("y", TINY)) as anew:
        assert anew is not other
    with pytest.raises(ZeroDivisionError), open_engine(SETTINGS, Checkpoint("y", TINY)):
        raise ZeroDivisionError
    with open_engine(SETTINGS, Checkpoint("y", TINY)) as after_a_failure:
        assert after_a_failure is not anew


LEFT_OPEN = """
import ctypes, sys
from tasks.engines import Checkpoint, open_engine
from tests.tasks.engines.test_transformers import SETTINGS, TINY
with open_engine(SETTINGS, Checkpoint("x", TINY)):
    pass
for name in ("tasks.engines.opened", "tasks.engines.transformers"):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(sys.modules[name]))  # as whatever is never collected holds them
"""


@pytest.mark.slow
def test_an_engine_that_is_left_open_is_closed_before_the_interpreter_takes_its_modules():
    ran = subprocess.run([sys.executable, "-c", LEFT_OPEN], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
