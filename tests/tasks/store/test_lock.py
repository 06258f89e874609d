import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import Locked
from tasks.store import lock as module
from tasks.store.lock import hold, refuse_if_held

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from tasks.store import lock
lock.BEAT_SECONDS = 0.2
with lock.hold(Path(sys.argv[1]), "run") as held:
    print("held", flush=True)
    for line in sys.stdin:
        try:
            held.prove()
            print("proved", flush=True)
        except lock.Locked as refused:
            print(refused, flush=True)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lineage, and proves that it does whenever it is asked."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "small")],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def soon(monkeypatch):
    """Dead after a second without a beat."""
    monkeypatch.setattr(module, "DEAD_SECONDS", 1.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)


def asked(process):
    process.stdin.write("?\n")
    process.stdin.flush()
    return process.stdout.readline()


def test_a_second_writer_is_told_who_holds_the_lineage_where_and_for_how_long(tmp_path, holder):
    began = time.monotonic()
    with pytest.raises(Locked) as refused:
        refuse_if_held(tmp_path / "small")
    with pytest.raises(Locked), hold(tmp_path / "small", "run"):
        pass
    assert time.monotonic() - began < 5
    line = str(refused.value)
    assert f"held by run (pid {holder.pid} on {os.uname().nodename}, since 20" in line
    assert " s); wait for it to end, or end it" in line
    assert asked(holder) == "proved\n"


def test_a_lineage_is_free_again_when_its_holder_ends(tmp_path, holder):
    holder.stdin.close()
    holder.wait(10)
    with hold(tmp_path / "small", "run") as lock:
        assert lock.epoch.epoch == 2
        lock.prove()
    with hold(tmp_path / "small", "gc") as lock:
        assert lock.epoch.epoch == 3


def test_a_holder_killed_on_this_machine_is_taken_over_at_once(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried by its parent: a zombie
    began = time.monotonic()
    with hold(tmp_path / "small", "run") as lock:
        assert time.monotonic() - began < 1
        assert lock.epoch.epoch == 2


def test_a_pid_that_is_used_again_is_another_process(tmp_path):
    with hold(tmp_path / "small", "run"):
        path = tmp_path / "small/lock/000001.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 1}))
        with hold(tmp_path / "small", "run") as taken:
            assert taken.epoch.epoch == 2


def test_a_holder_on_another_machine_is_dead_when_its_heart_stands_still_for_us(tmp_path, soon, monkeypatch):
    said = []
    with hold(tmp_path / "small", "run"):
        pass
    (tmp_path / "small/lock/000001.released").unlink()
    path = tmp_path / "small/lock/000001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "elsewhere", "host": "elsewhere"}))
    began = time.monotonic()
    monkeypatch.setattr(module, "BEAT_SECONDS", -0.8)
    with hold(tmp_path / "small", "run", said.append) as lock:
        assert 1.0 <= time.monotonic() - began < 3
        assert lock.epoch.epoch == 2
    assert len(said) == 1
    assert "(pid" in said[0] and "on elsewhere" in said[0]
    assert said[0].endswith("no sign of life yet, looking for 1 s")


def test_a_holder_that_was_taken_for_dead_and_wakes_up_may_neither_go_on_nor_publish(tmp_path, holder, soon):
    os.kill(holder.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED)  # it was perhaps in the middle of a beat
    with hold(tmp_path / "small", "run") as lock:
        os.kill(holder.pid, signal.SIGCONT)
        line = asked(holder)
        assert "took the lineage over; what is complete is kept; this run published nothing" in line
        assert f"run (pid {os.getpid()} on " in line
        lock.check()
        lock.prove()


def test_the_cheap_check_learns_of_a_takeover_from_the_heartbeat(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    with hold(tmp_path / "small", "run") as lock:
        lock.check()
        (tmp_path / "small/lock/000002.json").write_text("{}")
        until = time.monotonic() + 5
        with pytest.raises(Locked, match="epoch 2 took the lineage over"):
            while time.monotonic() < until:
                lock.check()
                time.sleep(0.02)


def test_no_wall_clock_decides(tmp_path, monkeypatch, soon):
    """The clock of the day jumps by a year both ways while a holder lives, and while one is dead."""
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: 1e9 + next(jumps) % 2 * 3.15e7)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.1)
    with hold(tmp_path / "small", "run"):
        for _ in range(3):
            with pytest.raises(Locked), hold(tmp_path / "small", "run"):
                pass


def test_of_two_that_find_a_dead_holder_one_takes_over(tmp_path, holder, monkeypatch):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    real = module.create_once

    def beaten(path, content):
        if path.name == "000002.json":
            assert real(path, content.replace(b'"command": "run"', b'"command": "rival"'))
        return real(path, content)

    monkeypatch.setattr(module, "create_once", beaten)
    with pytest.raises(Locked, match=r"held by rival \(pid"), hold(tmp_path / "small", "run"):
        pass


def test_a_full_disk_stops_the_heart_and_not_the_run(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    with hold(tmp_path / "small", "run") as lock:
        monkeypatch.setattr(Path, "write_bytes", full)
        time.sleep(0.2)
        lock.check()
        lock.prove()
