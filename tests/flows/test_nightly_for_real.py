"""A night as it is deployed: a real Prefect server, a process worker, a cron, a kill in the middle, and what follows.

Once with SQLite behind the server, once with PostgreSQL (Debian's, a private cluster on a free port).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from flows import services
from flows.processes import flow_runs, living, marked
from flows.register import DEPLOYMENTS
from schemas.errors import BadInput
from tasks.store.lineage import open_lineage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
SECRET = "b1946ac92492d2347c6235b4d2611184"
EVERY_MINUTE = "* * * * *"


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
        self.url = f"{state.url}/api"

    def ask(self, path, **body):
        return httpx.post(f"{self.url}/{path}", json=body, trust_env=False, timeout=30).raise_for_status().json()

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
        return httpx.get(f"{self.url}/flow_runs/{run_id}", trust_env=False).json()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A PREFECT_HOME for this test; whatever it starts ends with it."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    yield tmp_path / "home"
    services.down(print)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, monkeypatch):
    if request.param == "sqlite":
        yield "sqlite"
        return
    with postgres() as url:
        monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)
        yield "postgres"


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
    return sorted(store.glob("small/round-0001/attempts/*/part-*.parquet"))


def kill_worker_and_run():
    state = services._read()
    (run,) = flow_runs(state.mark("worker"))
    worker = living(state.worker, state.mark("worker"))
    for process in (worker, run):
        os.killpg(process.pid, signal.SIGKILL)
    return state


def seconds_between(earlier, later):
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def left_over(state):
    return marked(state.mark("server"), state.mark("worker"))


def test_a_night_that_is_killed_is_found_crashed_and_the_next_one_ends_its_round(
    tmp_path, home, database, receiver, write_recipe
):
    store = tmp_path / "store"
    recipe = write_recipe(solve__questions_per_shard=4, gate__level=1e-12)  # so many shards; a gate that holds
    file = deployments(tmp_path, recipe, store, EVERY_MINUTE)
    began = time.monotonic()
    services.up(free_port(), None, receiver.url, print, file)
    print(f"{time.monotonic() - began:6.1f} s  up")
    server, state = Server(services._read()), services._read()

    (first,) = until("a scheduled run began", lambda: [r for r in server.runs() if r["state_type"] == "RUNNING"], 180)
    assert first["auto_scheduled"] and "auto-scheduled" in first["tags"]
    until("it is in the middle of a stage", lambda: len(parts(store)) >= 3, 300)
    kill_worker_and_run()
    killed = time.monotonic()
    whole = {path: path.stat().st_mtime_ns for path in parts(store)}
    assert not (store / "small/round-0001/manifest.json").exists()
    services._start_worker(services._read())

    crashed = until("the run is crashed", lambda: is_crashed(server.run(first["id"])), 240)
    print(f"{time.monotonic() - killed:6.1f} s  from the kill to the crash")
    assert "No heartbeat for 70 seconds" in crashed["state"]["message"]
    skipped = [run for run in server.runs() if run["state_type"] == "CANCELLED"]
    assert all(run["state"]["message"] == "Deployment concurrency limit reached." for run in skipped)

    following = until("the next run began", lambda: began_after(server, crashed), 180)
    waited = seconds_between(crashed["state"]["timestamp"], following["start_time"])
    print(f"{waited:6.1f} s  from the crash to the next run; {len(skipped)} skipped while the slot was taken")
    manifest = until("the round is published", lambda: published(store), 420)
    assert manifest.decision == "held"
    assert {path: path.stat().st_mtime_ns for path in whole} == whole, "what was whole was not made again"
    until("that run is completed", lambda: server.run(following["id"])["state_type"] == "COMPLETED", 60)

    told = until("the webhook for the round", lambda: receiver.of(event="selfplay.round.published"), 60)[0]
    assert (told["recipe"], told["round"], told["decision"]) == ("small", 1, "held")
    assert told["reason"] == manifest.reason

    damage(store)
    audit = server.start("weekly-audit")
    failed = until("the webhook for a run that failed", lambda: receiver.of(flow_run=audit["name"]), 120)[0]
    assert (failed["event"], failed["flow"], failed["deployment"]) == (
        "prefect.flow-run.Failed",
        "audit",
        "weekly-audit",
    )
    rung = until("the webhook for an alarm", lambda: receiver.of(event="selfplay.alarm"), 60)[0]
    assert (rung["alarm"], rung["subject"]) == ("damaged", str(store))
    assert "small/round-0001/questions" in rung["reason"]

    keys = {artifact["key"] for artifact in server.ask("artifacts/latest/filter", limit=200)}
    assert {"rounds-small", "decision-small-0001", "manifest-small-0001"} <= keys
    services.down(print)
    assert left_over(state) == []
    for path in (p for folder in (home, store) for p in folder.rglob("*") if p.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path


def damage(store):
    """One byte of a published file."""
    path = next(store.glob("small/round-0001/questions/*/part-0000.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def is_crashed(run):
    return run if run["state_type"] == "CRASHED" else None


def began_after(server, crashed):
    """The first run that got the slot since; those that came while it was taken are cancelled."""
    runs = [run for run in server.runs() if run["state_type"] != "CANCELLED" and run["id"] != crashed["id"]]
    return next((run for run in runs if run["start_time"]), None)


def published(store):
    manifests = open_lineage(store, "small").manifests
    return manifests[0] if manifests else None


@pytest.fixture
def unrelated():
    """A process of the same user that nobody may end."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], env=elsewhere)
    yield process
    process.kill()
    process.wait()


def test_up_starts_everything_mends_what_died_and_down_leaves_nothing(unrelated, tmp_path, home, write_recipe):
    store, port = tmp_path / "store", free_port()
    file = deployments(tmp_path, write_recipe(solve__questions_per_shard=4), store, "0 3 1 1 *")
    said = []
    services.up(port, None, None, said.append, file)
    state = services._read()
    assert any(f"http://127.0.0.1:{port}" in line for line in said)
    listening = {c.laddr.ip for p in left_over(state) for c in p.net_connections("tcp") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert httpx.get(state.url, trust_env=False).text.lstrip().startswith("<!DOCTYPE html>")
    server = Server(state)
    assert [a["name"] for a in server.ask("automations/filter")] == ["selfplay-crashed-run"]
    names = {d["name"] for d in server.ask("deployments/filter")}
    assert names == {"nightly", "weekly-audit", "champion"}

    said.clear()
    services.up(None, None, None, said.append, file)
    assert said[0] == "up already; deploying again"
    assert services._read() == state
    with pytest.raises(BadInput, match="up already"):
        services.up(free_port(), None, None, said.append, file)

    # a run and its worker die together, as when the machine does: `up` says so at once, and starts a worker
    run = server.start("nightly")
    until("a run is in the middle of a stage", lambda: len(parts(store)) >= 2, 300)
    kill_worker_and_run()
    services.up(None, None, None, said.append, file)
    assert "is gone" in is_crashed(server.run(run["id"]))["state"]["message"]
    mended = services._read()
    assert (mended.server, mended.worker == state.worker) == (state.server, False)

    # `down` while a run is under way: its `finally` is played, its lock released
    again = server.start("nightly")
    before = len(parts(store))
    until("the next run goes on", lambda: len(parts(store)) > before, 300)
    began = time.monotonic()
    services.down(said.append)
    print(f"{time.monotonic() - began:6.1f} s  down, with a run under way")
    assert left_over(mended) == []
    assert unrelated.poll() is None
    assert "1 flow runs ended" in said[-1]
    assert len(list((store / "small/lock").glob("*.released"))) == 1, "the first was killed, the second could leave"
    assert again["id"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(state.url, trust_env=False)

    # what a killed `up` left half-done is taken up again, on the same port
    interrupted = subprocess.Popen(
        [sys.executable, "-c", "from flows.main import main; main()", "up", "--port", str(port)],
        cwd=Path(services.ROOT), start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    until("the server is written down", lambda: (s := services._read()) and s.server, 60)
    interrupted.kill()
    interrupted.wait()
    services.up(None, None, None, said.append, file)
    assert services._read().worker
    services.down(said.append)
    assert left_over(state) == [] and unrelated.poll() is None
    until(f"all that it started is gone: {naming(home)}", lambda: not naming(home), 10)


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
