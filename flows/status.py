"""What a Prefect server says of itself, its workers and its runs: asked over HTTP, without importing Prefect."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from flows.processes import flow_run_ids, is_alive
from flows.register import POOL
from schemas.errors import Stopped

HELPER_SECONDS = 4.0  # what a killed run started, and what is still of it, has gone by then
START_SECONDS = 180.0  # a first start migrates a database


def until(ready: Callable[[], bool], log: Path, process: psutil.Process | None) -> None:
    """Return once it is so. Raises Stopped if the process has died, or after three minutes."""
    end = time.monotonic() + START_SECONDS
    while process is not None and is_alive(process) and time.monotonic() < end:
        if ready():
            return
        time.sleep(0.3)
    raise Stopped(f"it did not start; see {log}, then try again")


def is_healthy(url: str) -> bool:
    return _ask(url, "health") is True


def heard_of_worker(url: str, name: str) -> str:
    """When a worker of the pool last gave a sign of life; "" if never."""
    workers = {worker["name"]: worker["last_heartbeat_time"] for worker in _workers(url)}
    return str(workers.get(name, ""))


def bury_orphans(url: str, say: Callable[[str], None]) -> None:
    """Call crashed what the server holds for running and no process of this machine plays: a reboot ended it.

    While another machine's worker serves the pool, the heartbeat's automation is left to it.
    """
    if any(worker["status"] == "ONLINE" and worker["name"] != socket.gethostname() for worker in _workers(url)):
        return
    states = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    runs = _ask(url, "flow_runs/filter", {"flow_runs": states, "work_pools": {"name": {"any_": [POOL]}}}) or []
    end = time.monotonic() + HELPER_SECONDS
    while (played := flow_run_ids().intersection(run["id"] for run in runs)) and time.monotonic() < end:
        time.sleep(0.2)
    for run in runs:
        if run["id"] not in played:
            crashed = {"type": "CRASHED", "message": "The process that played it is gone."}
            _ask(url, f"flow_runs/{run['id']}/set_state", {"state": crashed})
            say(f"crashed: {run['name']}, whose process is gone; the next run goes on from the store")


def _workers(url: str) -> list[dict[str, Any]]:
    return _ask(url, f"work_pools/{POOL}/workers/filter", {}) or []


def _ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer; None if it gives none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/{path}", data=data, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it stands on this machine
    try:
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
