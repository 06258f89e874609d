"""What a Prefect server says of itself, its workers and its runs: asked over HTTP, without importing Prefect."""

import base64
import json
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flows.processes import flow_run_ids, is_alive
from flows.register import POOL
from schemas.errors import Stopped

HELPER_SECONDS = 4.0  # what a killed run started, and what is still of it, has gone by then
START_SECONDS = 180.0  # a first start migrates a database
CLIENT = str(uuid.uuid4())  # whom the server gives its tokens for changes to


@dataclass(frozen=True)
class Server:
    """Where it is, and its password."""

    url: str
    secret: str


def until(ready: Callable[[], bool], log: Path, process: psutil.Process | None) -> None:
    """Return once it is so. Raises Stopped if the process has died, or after three minutes."""
    end = time.monotonic() + START_SECONDS
    while process is not None and is_alive(process) and time.monotonic() < end:
        if ready():
            return
        time.sleep(0.3)
    raise Stopped(f"it did not start; see {log}, then try again")


def is_healthy(server: Server) -> bool:
    return _ask(server, "health") is True


def heard_of_worker(server: Server, name: str) -> str:
    """When a worker of the pool last gave a sign of life; "" if never."""
    workers = {worker["name"]: worker["last_heartbeat_time"] for worker in _workers(server)}
    return str(workers.get(name, ""))


def bury_orphans(server: Server, say: Callable[[str], None]) -> None:
    """Call crashed what the server holds for running and no process of this machine plays: a reboot ended it.

    While another machine's worker serves the pool, the heartbeat's automation is left to it.
    """
    if any(worker["status"] == "ONLINE" and worker["name"] != socket.gethostname() for worker in _workers(server)):
        return
    states = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    runs = _ask(server, "flow_runs/filter", {"flow_runs": states, "work_pools": {"name": {"any_": [POOL]}}}) or []
    end = time.monotonic() + HELPER_SECONDS
    while (played := flow_run_ids().intersection(run["id"] for run in runs)) and time.monotonic() < end:
        time.sleep(0.2)
    for run in runs:
        if run["id"] not in played:
            crashed = {"type": "CRASHED", "message": "The process that played it is gone."}
            _ask(server, f"flow_runs/{run['id']}/set_state", {"state": crashed})
            say(f"crashed: {run['name']}, whose process is gone; the next run goes on from the store")


def _workers(server: Server) -> list[dict[str, Any]]:
    return _ask(server, f"work_pools/{POOL}/workers/filter", {}) or []


def _ask(server: Server, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer; None if it gives none."""
    headers = {"Authorization": f"Basic {base64.b64encode(server.secret.encode()).decode()}"}
    if body is not None:
        token = _ask(server, f"csrf-token?client={CLIENT}") or {}
        headers |= {"Prefect-Csrf-Token": str(token.get("token")), "Prefect-Csrf-Client": CLIENT}
        headers |= {"Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/{path}", data=data, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it stands on this machine
    try:
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
