"""Processes of this machine, real ones: which are ours, which are alive, and how they end."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from flows.processes import FLOW_RUN, MARK, Started, end, flow_run_ids, flow_runs, is_alive, living, marked, start

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)
WITH_A_HELPER = (
    "import os, subprocess, sys; "
    "subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'], env=os.environ)"
)


@pytest.fixture
def sleeper(tmp_path):
    """Start a process with a mark; what is left of it ends with the test."""
    made = []

    def begin(mark="worker-1", code="import time; time.sleep(60)", **variables):
        log = tmp_path / f"{len(made)}.log"
        made.append(start([sys.executable, "-c", code], os.environ | variables, mark, log))
        return made[-1], log

    yield begin
    for started in made:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(started.pid).kill()


def wait(condition, seconds=20):
    until = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    assert found
    return found


def test_a_process_is_ours_only_with_its_start_time_and_its_mark(sleeper):
    started, _ = sleeper()
    assert living(started, "worker-1").pid == started.pid
    assert living(started.model_copy(update={"created": started.created - 60}), "worker-1") is None
    assert living(started, "worker-2") is None
    assert living(None, "worker-1") is None
    assert living(Started(pid=2**22 - 1, created=1.0), "worker-1") is None


def test_what_is_killed_is_not_living_though_nobody_buries_it(sleeper):
    started, _ = sleeper()
    process = psutil.Process(started.pid)
    process.kill()
    wait(lambda: process.status() == psutil.STATUS_ZOMBIE)
    assert not is_alive(process)
    assert living(started, "worker-1") is None
    assert marked("worker-1") == []


def test_the_end_comes_by_sigterm_or_after_some_seconds_by_sigkill_and_to_no_other(sleeper):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (plain, _), (deaf, log), (other, _) = sleeper(), sleeper(code=IGNORES_SIGTERM), sleeper(mark="worker-2")
    wait(lambda: log.read_bytes())
    began = time.monotonic()
    end(marked("worker-1"), 1.0)
    assert 1.0 <= time.monotonic() - began < 5.0
    assert (living(plain, "worker-1"), living(deaf, "worker-1")) == (None, None)
    assert living(other, "worker-2")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_flow_run_is_the_process_that_plays_it_and_not_its_helpers(sleeper):
    run, _ = sleeper(code=WITH_A_HELPER, **{FLOW_RUN: "run-1"})
    worker, _ = sleeper()
    wait(lambda: len(marked("worker-1")) == 3)
    assert [process.pid for process in flow_runs("worker-1")] == [run.pid]
    assert "run-1" in flow_run_ids()
    assert worker.pid in {process.pid for process in marked("worker-1")}
    end(marked("worker-1"), 5.0)
    assert flow_runs("worker-1") == []


def test_the_mark_goes_to_whatever_a_process_starts_and_never_to_this_one(sleeper):
    sleeper(code=WITH_A_HELPER)
    helper = wait(lambda: [p for p in marked("worker-1") if psutil.Process(p.ppid()) in marked("worker-1")])
    assert helper[0].environ()[MARK] == "worker-1"
    assert MARK not in os.environ
