"""Engines on a Ray cluster of this machine alone: the samples of one here, whichever of them ends."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from schemas.engines import RayExecutor, TransformersEngine
from schemas.errors import Stopped
from schemas.settings import Sampling
from tasks.cluster import leave
from tasks.engines import Checkpoint, Request, close_engine, completed, open_engine
from tasks.engines import ray as engines
from tasks.store.objects import keep_checkpoint

from ...families import FAMILIES, made

SETTINGS = TransformersEngine(kind="transformers", batch_rows=4)
SAMPLING = Sampling(temperature=1.0, max_tokens=12)
REQUESTS = [Request(f"r{n}", "+".join("123456"[: 2 + n % 4]) + "=\n", SAMPLING, seed=n, n=2) for n in range(12)]


def texts(engine):
    return [(c.request_id, c.sample, c.text, c.token_ids) for c in completed(engine, REQUESTS)]


@pytest.fixture
def checkpoint(tiny, draft, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # a process that joined another cluster keeps what it read there
    yield Checkpoint(tiny.digest, Path(draft.checkpoint(tiny)), draft.lineage.objects)
    close_engine()
    leave()


@pytest.mark.slow
def test_a_killed_engine_is_started_again_and_its_batch_asked_once_more(checkpoint, monkeypatch):
    with open_engine(SETTINGS, checkpoint) as engine:
        here = texts(engine)
    executor = RayExecutor(kind="ray", address="local", workers=1)
    with open_engine(SETTINGS, checkpoint, executor) as engine:
        assert texts(engine) == here
        first = kill_worker()
        assert texts(engine) == here
        assert workers() != [first]
    with open_engine(SETTINGS, checkpoint, executor) as again:
        assert again is engine  # open from stage to stage


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_clusters_engines_tell_the_tokens_that_one_here_samples(family, checkpoint, draft, tmp_path):
    made_here = keep_checkpoint(draft.lineage.objects, made(family, tmp_path / family))
    weights = Checkpoint(made_here.digest, draft.checkpoint(made_here), draft.lineage.objects)
    with open_engine(SETTINGS, weights) as engine:
        here = texts(engine)
    assert all(ids for *_, ids in here)
    with open_engine(SETTINGS, weights, RayExecutor(kind="ray", address="local", workers=2)) as engine:
        assert texts(engine) == here


@pytest.mark.slow
def test_a_batch_over_which_too_many_engines_are_lost_ends_the_run(checkpoint, monkeypatch):
    monkeypatch.setattr(engines, "TRIES", 1)
    executor = RayExecutor(kind="ray", address="local", workers=1)
    with (
        pytest.raises(Stopped, match="1 workers of the Ray cluster were lost over one batch"),
        open_engine(SETTINGS, checkpoint, executor) as engine,
    ):
        answers = engine.generate(REQUESTS)
        next(answers)
        kill_worker()
        list(answers)


@pytest.mark.slow
def test_a_node_that_cannot_see_the_store_is_named_with_what_to_do(checkpoint, tmp_path):
    elsewhere = Checkpoint(checkpoint.digest, checkpoint.folder, tmp_path / "not here")
    executor = RayExecutor(kind="ray", address="local", workers=2)
    with (
        pytest.raises(
            Stopped, match=r"finds no weights in .*not here.*: put the store on a disk that every node has"
        ),
        open_engine(SETTINGS, elsewhere, executor) as engine,
    ):
        texts(engine)


def workers():
    mine = psutil.Process().children(recursive=True)
    return [process.pid for process in mine if "ray::Worker" in " ".join(process.cmdline())]


def kill_worker():
    (pid,) = workers()
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    return pid
