"""A server of ours leaves no process, however it or this process ends, and a few logs."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from schemas.errors import Stopped
from tasks.engines import completed

from .api import TINY
from .faked import ASKED, texts


def test_a_server_that_does_not_come_up_says_why(fake):
    fake.will({"1": {"start": "die"}})
    why = r"vLLM starts: ended after .*RuntimeError: no kernel for this; its log: .*\.log"
    with pytest.raises(Stopped, match=why), fake.open():
        pass
    assert len(fake.starts) == 1


def test_a_killed_factory_leaves_no_process(fake, tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom schemas.engines import VllmEngine\n"
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
