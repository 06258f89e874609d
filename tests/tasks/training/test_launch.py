import json
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil
import pytest

from schemas.errors import ValidationFailed
from schemas.manifest import ValidRows
from schemas.sft_examples import SFT_EXAMPLES
from schemas.training import Launch
from tasks.train import train
from tasks.training.launch import _last_words

ROOT = Path(__file__).resolve().parents[3]


def begin(what, folder, save_minutes=0):
    """Train in a process that the test may kill; `end` has what came of it."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("forks.py")], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    asked = {"folder": str(folder), "what": what, "kill": None, "save_minutes": save_minutes}
    print(json.dumps(asked), file=process.stdin, flush=True)
    return process


def end(process):
    said, complained = process.communicate()
    return (json.loads(said) if said else {}) | {"complained": complained}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted run gives."""
    return cache(lambda what: end(begin(what, tmp_path_factory.mktemp("whole"), save_minutes=10))["result"])


def everyone(processes):
    return processes


def the_stage(processes):
    return processes[:2]  # it plays in a fork


def one_worker(processes):
    return workers(processes)[-1:]


def workers(processes):
    """Without accelerate, whose command names them."""
    lines = [(process, process.cmdline()) for process in processes]
    return [p for p, line in lines if "tasks.training.worker" in line and "accelerate.commands.launch" not in line]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "victims"),
    [("sft launched", everyone), ("dpo launched", the_stage), ("lora launched", one_worker)],
)
def test_two_processes_killed_at_any_moment_go_on_to_the_same_end(whole, tmp_path, record_property, what, victims):
    expected, seed = whole(what), random.randrange(10**6)
    chance = random.Random(seed)
    steps = len(expected["steps"])
    reached, pause = chance.randrange(1, steps - 5), chance.uniform(0, 0.3)
    record_property(
        "shown", f"{what}: {victims.__name__} killed {pause:.3f} s after checkpoint {reached}, seed {seed}"
    )
    process = begin(what, tmp_path)
    while not any(step_of(mark) >= reached for mark in tmp_path.rglob("checkpoint-*/complete.json")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(pause)
    stage = psutil.Process(process.pid)
    processes = [stage, *stage.children(recursive=True)]
    assert len(workers(processes)) == 2
    for victim in victims(processes):
        victim.kill()
    killed = end(process)
    assert "result" not in killed
    assert psutil.wait_procs(processes[1:], timeout=30)[1] == []
    if victims is one_worker:
        line = killed["complained"].splitlines()[-1]
        assert re.search(
            r"Stopped: train: dpo ended in its processes.*; log: .*/dpo/launch/log\.txt; run again$", line
        )
    again = end(begin(what, tmp_path))
    assert again["result"] == expected
    (resumed,) = again["seen"]["resumed"]
    assert int(re.fullmatch(rf"step (\d+) of {steps}", resumed)[1]) >= reached


@pytest.mark.slow
def test_training_goes_on_by_itself_after_one_crash_of_a_worker_and_stops_at_the_second(whole, tmp_path):
    process, seen = begin("sft launched", tmp_path), set()
    while not list(tmp_path.rglob("checkpoint-*/complete.json")):
        assert process.poll() is None
        time.sleep(0.02)
    crash_a_worker(process, seen)
    done = end(process)
    assert done.get("result") == whole("sft launched"), done["complained"]
    (resumed,) = done["seen"]["resumed"]
    assert re.fullmatch(r"sft step \d+, after a worker crashed", resumed)
    process = begin("sft launched", tmp_path / "twice")
    crash_a_worker(process, seen)
    crash_a_worker(process, seen)
    line = end(process)["complained"].splitlines()[-1]
    assert re.search(
        r"Crashed: train: sft crashed in its processes: Signal 11 \(SIGSEGV\).*; log: .*; run again$", line
    )


def crash_a_worker(process, seen):
    """By a signal that only its own fault would send: one of two that were not seen before."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(psutil.Error):  # one that has just ended
            pair = workers(psutil.Process(process.pid).children(recursive=True))
            if len(pair) == 2 and seen.isdisjoint(worker.pid for worker in pair):
                seen.update(worker.pid for worker in pair)
                return pair[1].send_signal(signal.SIGSEGV)
        time.sleep(0.02)
    raise AssertionError("no other two came")


def step_of(mark):
    return int(mark.parent.name.rpartition("-")[2])


@pytest.mark.slow
def test_two_processes_take_the_same_first_steps_as_one(whole):
    def first(what):
        rows = sorted(whole(what)["steps"], key=lambda row: row["step"])
        return rows[0]["loss"], rows[0]["grad_norm"], rows[0]["num_tokens"], rows[0]["entropy"]

    assert first("sft launched") == pytest.approx(first("sft alone"), rel=1e-5)
    assert whole("sft launched")["weights"] != whole("sft alone")["weights"]  # sums in another order: of another key


@pytest.mark.slow
def test_two_machines_come_to_the_weights_of_one_and_one_joins_again_after_a_kill(whole, tmp_path):
    command = [sys.executable, "-c", "from flows.main import main; main()", "join", "1", "--store", str(tmp_path)]
    joining = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        process = begin("sft machines", tmp_path)
        while not list(tmp_path.rglob("checkpoint-*/complete.json")):
            assert process.poll() is None
            time.sleep(0.02)
        others = psutil.Process(joining.pid).children(recursive=True)
        assert len(others) == 2, "accelerate and its worker"
        stage = psutil.Process(process.pid)
        for victim in [*stage.children(recursive=True), stage]:
            victim.kill()
        end(process)
        assert psutil.wait_procs(others, timeout=30)[1] == []
        assert joining.poll() is None
        again = end(begin("sft machines", tmp_path))
        assert again["result"] == whole("sft launched")
        assert len(again["seen"]["resumed"]) == 1
    finally:
        joining.terminate()
        told = joining.communicate()[0]
    assert len(re.findall("joined as machine 1 of 2", told)) == 2


@pytest.fixture
def play(draft, given, recipe, tiny):
    right = {"prompt": "1+2+3+4=\n", "agreement": 0.75, "question_id": "q"}
    examples = [
        {"id": f"sft-{i}", "attempt_id": f"a{i}", "completion": f"1+2=3\n3+3=6\n6+4=10\n#{10 + i % 2}"} | right
        for i in range(8)
    ]

    def run(key, launch, stretches=1, **changes):
        sft = recipe.train.sft.model_copy(
            update={"rows_at_once": 2, "batch_size": 4, "schedule": "constant"} | changes
        )
        return train(
            replace(draft, key=key * 32),
            stretches=stretches,
            settings=recipe.train.model_copy(update={"sft": sft, "launch": launch}),
            model=tiny,
            base=None,
            sft_examples=ValidRows(tables=(given(SFT_EXAMPLES, examples),)),
        )

    return run


@pytest.mark.slow
def test_weights_are_kept_on_the_way_and_are_the_same_however_fsdp_divides_them(play):
    figures = play("1", Launch(processes=2), stretches=2)
    half = play("2", Launch(processes=2, fsdp="shard_grad_op"), steps=2)
    assert figures["checkpoint_1"] == half["checkpoint"] != figures["checkpoint_2"] == figures["checkpoint"]


@pytest.mark.slow
def test_what_a_worker_raises_is_raised_by_the_stage(play):
    with pytest.raises(ValidationFailed, match=r"^train: sft loss nan at step \d; lower train\.sft\.learning_rate"):
        play("1", Launch(processes=2), learning_rate=1e30)


def test_how_many_processes_is_part_of_the_key_and_how_fsdp_divides_is_not():
    assert Launch(processes=2, fsdp="shard_grad_op").model_dump() == Launch(processes=2).model_dump()
    assert Launch(processes=2).model_dump() != Launch(processes=4).model_dump()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "step 1\n  traceback : Signal 9 (SIGKILL) received by PID 77\n=====\n",
            "Signal 9 (SIGKILL) received by PID 77",
        ),
        (
            "traceback : Signal 6 (SIGABRT) received by PID 7\ntraceback : Signal 15 (SIGTERM) received by PID 8\n",
            "Signal 6 (SIGABRT) received by PID 7",
        ),
        ("step 1\nNo module named accelerate\n\n=====\n", "No module named accelerate"),
        ("", "it wrote nothing"),
    ],
)
def test_the_last_words_of_a_log_say_what_ended_the_child(tmp_path, log, words):
    path = tmp_path / "log.txt"
    path.write_text("an earlier launch: Signal 15\n" + log)
    assert _last_words(path, len("an earlier launch: Signal 15\n")) == words
