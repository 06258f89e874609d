"""What a night needs around it: a webhook's other end, Prefect's API, a PostgreSQL, deployments, and a kill."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from flows import services
from flows.processes import flow_runs, is_alive, living, marked
from flows.register import DEPLOYMENTS

SECRET = "b1946ac92492d2347c6235b4d2611184"


class Receiver:
    """A webhook's other end: the JSON it was sent."""

    def __init__(self):
        self.bodies = bodies = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.headers["Content-Type"] == "application/json"
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/{SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, **wanted):
        return [body for body in self.bodies if wanted.items() <= body.items()]


class Server:
    """Prefect's API, as a user's script would ask it."""

    def __init__(self, state):
        user, _, password = services._asked(state).secret.partition(":")
        self.client = httpx.Client(base_url=f"{state.url}/api/", auth=(user, password), trust_env=False, timeout=30)

    def ask(self, path, **body):
        token = self.client.get("csrf-token", params={"client": "test"}).raise_for_status().json()["token"]
        headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        return self.client.post(path, json=body, headers=headers).raise_for_status().json()

    def runs(self):
        """Runs of `nightly` that have begun or ended, by the time they were to start."""
        asked = {"deployments": {"name": {"any_": ["nightly"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
        found = self.ask("flow_runs/filter", **asked)
        return [run for run in found if run["state_type"] != "SCHEDULED"]

    def start(self, name):
        """A run of a deployment, now."""
        (deployment,) = [d for d in self.ask("deployments/filter") if d["name"] == name]
        return self.ask(f"deployments/{deployment['id']}/create_flow_run")

    def run(self, run_id):
        return self.client.get(f"flow_runs/{run_id}").raise_for_status().json()


@contextmanager
def postgres():
    """A cluster of its own, as a user that PostgreSQL accepts: it refuses root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        pytest.fail("PostgreSQL is missing: apt-get install --no-install-recommends postgresql")
    folder, port = Path(tempfile.mkdtemp(prefix="selfplay-postgres-")), free_port()
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)

    def run(program, *arguments):
        command = [str(programs[-1] / program), "-D", str(folder / "data"), *arguments]
        log = folder / "commands.log"
        with open(log, "ab") as written:
            ran = subprocess.run(command, user=user, cwd=folder, stdout=written, stderr=written, timeout=120)
        assert ran.returncode == 0, log.read_text()

    run("initdb", "--username=prefect", "--auth=trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run("pg_ctl", "-w", "-l", str(folder / "server.log"), "-o", options, "start")
    try:
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def deployments(folder, recipe, store, cron):
    """deployments/prefect.yaml with other schedules and parameters, and nothing else changed."""
    data = yaml.safe_load(DEPLOYMENTS.read_text())
    for deployment in data["deployments"]:
        given = {"recipe": str(recipe), "store": str(store)}
        deployment["parameters"] |= {name: given[name] for name in deployment["parameters"] if name in given}
        if deployment["name"] == "nightly":
            deployment["schedules"] = [deployment["schedules"][0] | {"cron": cron}]
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def until(what, condition, seconds):
    """What the condition gives, once it gives something; how long it took is printed (pytest -s)."""
    began = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.25)
    print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)
    return found


def parts(store):
    """What the first round has of its attempts."""
    return sorted(store.glob("small/round-0001/attempts/*/part-*.parquet"))


def is_crashed(run):
    return run if run["state_type"] == "CRASHED" else None


def kill_worker_and_run():
    state = services._read()
    (run,) = flow_runs(state.mark("worker"))
    worker = living(state.worker, state.mark("worker"))
    for process in (worker, run):
        os.killpg(process.pid, signal.SIGKILL)
    until("both are dead", lambda: not is_alive(worker) and not is_alive(run), 60)  # the kernel takes a moment
    return state


def left_over(state):
    return marked(state.mark("server"), state.mark("worker"))


def naming(home):
    """Command lines of the processes that have this PREFECT_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(home) in process.environ().get("PREFECT_HOME", ""):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found
