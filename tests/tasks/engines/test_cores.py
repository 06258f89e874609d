"""Engines on the other cores: the same samples whatever becomes of them, and none that outlives who asked."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from schemas.engines import TransformersEngine
from schemas.errors import Stopped
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, close_engine, completed, cores, device, open_engine
from tasks.engines.cores import CoreEngines, Helper
from tasks.engines.transformers import LocalEngine

SETTINGS = TransformersEngine(kind="transformers", batch_rows=8)
SHARDS = [
    [Request(f"r{n}", f"{n}+{shard}=\n", Sampling(temperature=1.0, max_tokens=12), seed=n, n=2) for n in range(12)]
    for shard in range(6)
]


@pytest.fixture
def checkpoint(tiny, draft):
    yield Checkpoint(tiny.digest, Path(draft.checkpoint(tiny)))
    close_engine()


@pytest.fixture
def three(monkeypatch):
    """Three cores, and at the end nothing that was started for them."""
    monkeypatch.setattr(device, "_threads_of_the_machine", lambda: 3)
    yield
    close_engine()
    while cores._resting:
        cores._resting.pop().kill()


def answers(engine):
    """Of all shards, asked as a stage asks."""
    with ThreadPoolExecutor(engine.at_once) as threads:
        return [
            (c.request_id, c.token_ids, c.text)
            for of in threads.map(lambda s: completed(engine, s), SHARDS)
            for c in of
        ]


def helpers():
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if cores.__name__ in process.cmdline()]


def wait_for(engine, idle):
    until = time.monotonic() + 60
    while engine._idle.qsize() < idle:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_small_model_answers_on_every_core_with_the_samples_of_one(checkpoint, three, monkeypatch):
    with open_engine(SETTINGS, checkpoint) as engine:
        assert isinstance(engine, CoreEngines)
        early = answers(engine)  # some of it before the others have loaded
        wait_for(engine, 3)
        assert answers(engine) == early
        started = helpers()
        assert len(started) == 2
    close_engine()
    assert helpers() == started, "they rest, without weights"
    with open_engine(SETTINGS, checkpoint) as engine:
        wait_for(engine, 3)
        assert answers(engine) == early
        assert helpers() == started
    close_engine()
    monkeypatch.setattr(device, "_threads_of_the_machine", lambda: 1)
    with open_engine(SETTINGS, checkpoint) as engine:
        assert isinstance(engine, LocalEngine)
        assert answers(engine) == early


def test_a_wide_model_has_one_process_whatever_the_machine_has(checkpoint, three, monkeypatch):
    monkeypatch.setattr(device, "SMALL", 64)
    with open_engine(SETTINGS, checkpoint) as engine:
        assert (type(engine), engine.at_once) == (LocalEngine, 1)


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_sample(checkpoint, three, monkeypatch):
    with open_engine(SETTINGS, checkpoint) as engine:
        wait_for(engine, 3)
        whole = answers(engine)
        for process in helpers():
            process.kill()
        assert answers(engine) == whole
        engine._idle.get(timeout=1)
        assert engine._idle.qsize() == 0, "the engine here is left"
        engine._idle.put(engine.here)
    close_engine()
    assert cores._resting == []


@pytest.mark.slow
def test_what_an_engine_there_cannot_do_is_said_here(checkpoint, three):
    with open_engine(SETTINGS, checkpoint) as engine:
        wait_for(engine, 3)
        engine._idle.get()
        engine._idle.get()
        empty = [Request("r", "", Sampling(temperature=1.0, max_tokens=2), seed=1)]
        with pytest.raises(Stopped, match="an empty prompt has no token to go on from"):
            completed(engine, empty)
        assert engine._idle.qsize() == 1, "it answers the next"


@pytest.mark.slow
def test_an_engine_that_is_closed_at_work_leaves_no_process(checkpoint, three):
    with open_engine(SETTINGS, checkpoint) as engine:
        wait_for(engine, 3)
        for _ in range(3):
            engine._idle.get()  # all are at work
        started = helpers()
    close_engine()
    psutil.wait_procs(started, 10)
    assert helpers() == cores._resting == []


PARENT = """
import sys, time
from pathlib import Path
from tasks.engines import cores, device
from schemas.engines import TransformersEngine
from tests.tasks.engines.test_cores import SETTINGS, SHARDS
device._threads_of_the_machine = lambda: 3
with cores.open_on_cores(SETTINGS, Path(sys.argv[1])) as engine:
    while engine._idle.qsize() < 3:
        time.sleep(0.05)
    print("ready", flush=True)
    helper = engine._helpers[0]
    long = [one.__class__(**(one.__dict__ | {"n": 4000})) for one in SHARDS[0]]
    helper._connection.send(long)  # it is at work
    time.sleep(1000)
"""


@pytest.mark.slow
def test_whoever_asks_may_be_killed_and_nothing_is_left(checkpoint):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(checkpoint.folder)], cwd=cores.ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout.readline() == "ready\n"
        time.sleep(0.3)
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len([p for p in children if cores.__name__ in p.cmdline()]) == 2
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert psutil.wait_procs(children, 10)[1] == []


def test_a_machine_without_room_for_another_process_generates_here(checkpoint, three, monkeypatch):
    def none(self):
        raise OSError("no process more")

    monkeypatch.setattr(Helper, "__init__", none)
    with open_engine(SETTINGS, checkpoint) as engine:
        assert len(answers(engine)) == 6 * 24
