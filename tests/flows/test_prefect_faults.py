"""Prefect's server dies in the middle of a run."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import psutil
import pytest

from .faults import ROOT, wait_for


@pytest.mark.slow
def test_a_run_goes_on_when_its_prefect_server_dies(tmp_path, write_recipe, started):
    store = tmp_path / "store"
    process = started(write_recipe(), store)
    wait_for(store / "small/round-0001/stages/propose-*", process)
    for child in psutil.Process(process.pid).children():
        if "flows.server" in child.cmdline():
            child.kill()
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
def test_a_users_prefect_server_that_goes_away_ends_the_run_with_one_line(tmp_path, write_recipe, started, home):
    store = tmp_path / "store"
    with serving_prefect(home) as (url, server):
        process = started(write_recipe(), store, env={"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "1"})
        wait_for(store / "small/round-0001/stages/train-*", process)
        server.kill()
        _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors.count("\n")) == (4, 1), errors
    assert f"Prefect's server at {url}: ConnectError" in errors
    assert "published stay" in errors


@contextmanager
def serving_prefect(home):
    """A Prefect server as a user has one: nobody starts it again."""
    with socket.create_server(("127.0.0.1", 0)) as door, open(home / "users-server.log", "ab") as log:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/api"
        database = f"sqlite+aiosqlite:///{home}/users.db"
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(door.fileno()), str(os.getpid())], cwd=ROOT,
            pass_fds=[door.fileno()], stdout=log, stderr=log,
            env=os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_DATABASE_CONNECTION_URL": database},
        )  # fmt: skip
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=120) as answer:
            assert answer.status == 200
        yield url, process
    finally:
        process.kill()
        process.wait()
