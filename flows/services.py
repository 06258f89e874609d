"""`selfplay up` and `selfplay down`: a Prefect server and a worker on this machine, and what they are to run.

What is started is written down, in one file under PREFECT_HOME: `down` ends that and nothing else, and an `up` that
follows on a killed one, or on a reboot, mends what is missing.
"""

import fcntl
import os
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel

from flows import secret
from flows.environment import QUIET, ROOT
from flows.processes import MARK, Started, end, flow_runs, living, marked, start, workers
from flows.register import DEPLOYMENTS, POOL, check_webhook
from flows.status import Server, bury_orphans, heard_of_worker, is_healthy, until
from schemas.errors import BadInput, Locked, Stopped
from tasks.figures import many
from tasks.store.place import store_at

PORT = 4200
SECRET = "secret"
FLOW_RUN_SECONDS = 15.0  # to leave what it has; the store needs none of it
SERVICE_SECONDS = 5.0  # Prefect's workers ignore SIGTERM for minutes

Say = Callable[[str], None]


class State(BaseModel):
    """PREFECT_HOME/services/state.json."""

    token: str
    """In the mark of every process of ours."""
    port: int
    store: str | None = None
    """Given instead of the deployments' own; a later `up` without one keeps it."""
    server: Started | None = None
    worker: Started | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mark(self, role: str) -> str:
        return f"{role}-{self.token}"


def up(port: int | None, store: str | None, webhook: str | None, say: Say, prefect_file: Path = DEPLOYMENTS) -> None:
    """Start what is not up, and deploy everything. Raises BadInput if the port is taken, Stopped if a start fails."""
    if webhook:
        check_webhook(webhook)
    with _alone():
        state = _read() or State(token=secrets.token_hex(8), port=port or PORT)
        state.store = str(store_at(store)) if store else state.store
        if not _path(SECRET).exists():  # removed, or what is up is older than secrets: it starts anew with one
            end([*marked(state.mark("server")), *workers(state.mark("worker"))], SERVICE_SECONDS)
        server, worker = (living(started, state.mark(role)) for role, started in _roles(state))
        if server and port not in (None, state.port):
            raise BadInput(f"up already, at {state.url}; selfplay down first, to move it to --port {port}")
        say("up already; deploying again" if server and worker else "starting what is not up: half a minute or so")
        if not server:
            state.port = port or state.port
            _start_server(state)
        until(lambda: is_healthy(_asked(state)), _log("server"), living(state.server, state.mark("server")))
        if not worker:
            end(workers(state.mark("worker")), SERVICE_SECONDS)  # started, but not written down
            bury_orphans(_asked(state), say)
        _register(state, prefect_file, webhook)
        if not worker:
            _start_worker(state)
        _tell(state, prefect_file, say)


def down(say: Say) -> None:
    """End the flow runs, the worker and the server that `up` started, and nothing else."""
    with _alone():
        state = _read()
        if state is None:
            say("nothing is up")
            return
        runs = flow_runs(state.mark("worker"))
        server, worker = (living(started, state.mark(role)) for role, started in _roles(state))
        end(runs, FLOW_RUN_SECONDS)  # before the worker, which would kill them: so that their `finally` is played
        end([worker] if worker else [], SERVICE_SECONDS)
        end(marked(state.mark("worker"), state.mark("server")), SERVICE_SECONDS)
        _path("state.json").unlink()
        for name, process in (("server", server), ("worker", worker)):
            say(f"{name}  {f'ended (pid {process.pid})' if process else 'was not running'}")
        if runs:
            say(f"{many(len(runs), 'flow run')} ended; what is complete is kept; the next run goes on from it")


def _roles(state: State) -> tuple[tuple[str, Started | None], ...]:
    return ("server", state.server), ("worker", state.worker)


def _start_server(state: State) -> None:
    end(marked(state.mark("server")), SERVICE_SECONDS)  # started by an `up` that was killed before it wrote that down
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", state.port))
        except OSError:
            raise BadInput(f"port {state.port} is taken by another program; choose one with --port") from None
    _write(state)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(state.port)]
    # not from the checkout, whose .env Prefect would read
    state.server = start(command, _environment(state), state.mark("server"), _log("server"), _path("."))
    _write(state)


def _start_worker(state: State) -> None:
    name = socket.gethostname()
    before = heard_of_worker(_asked(state), name)
    named = ["--pool", POOL, "--type", "process", "--name", name]
    command = [sys.executable, "-m", "prefect", "worker", "start", *named]
    state.worker = start(command, _environment(state), state.mark("worker"), _log("worker"))
    _write(state)
    worker = living(state.worker, state.mark("worker"))
    until(lambda: heard_of_worker(_asked(state), name) != before, _log("worker"), worker)


def _register(state: State, prefect_file: Path, webhook: str | None) -> None:
    told = {secret.WEBHOOK: webhook} if webhook else {}  # in no argument, file or log; in this child alone
    ran = subprocess.run(
        [sys.executable, "-m", "flows.register", str(prefect_file)], cwd=ROOT, capture_output=True, text=True,
        env=_environment(state) | ({"SELFPLAY_STORE": state.store} if state.store else {}) | told,
    )  # fmt: skip
    _write(state)
    if ran.returncode:
        raise Stopped(f"deploying failed: {ran.stderr.strip().removeprefix('selfplay: ')[-2000:]}")


def _environment(state: State) -> dict[str, str]:
    """What the server, the worker and the runs see. The worker's own environment holds no webhook."""
    asked = _asked(state)
    ours = {name: value for name, value in QUIET.items() if name.startswith("PREFECT")}
    withheld = ("PREFECT", secret.WEBHOOK, "SELFPLAY_STORE", MARK)  # the user's own Prefect is another
    passed = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
    return passed | ours | {
        "PREFECT_HOME": str(_path("prefect")),  # no profile of the user's, and no database
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{_path('selfplay.db')}",
        "PREFECT_API_URL": f"{state.url}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(state.port),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LEVEL": "INFO",
        **secret.settings(asked.secret, asked.url),
    }  # fmt: skip


def _asked(state: State) -> Server:
    return Server(state.url, secret.kept_secret(_path(SECRET)))


def _tell(state: State, prefect_file: Path, say: Say) -> None:
    say(f"server   {state.url}  (the UI too; log: {_log('server')})")
    say(f"worker   of the pool '{POOL}'  (log: {_log('worker')})")
    for deployment in yaml.safe_load(prefect_file.read_text())["deployments"]:
        when = ", ".join(f"{s.get('cron')} {s.get('timezone', '')}" for s in deployment.get("schedules", []))
        say(f"runs     {deployment['name']:<13} {when:<17} {deployment['entrypoint']}")
    say(f"next: open {state.url}; it asks once for a password: the line in {_path(SECRET)}    or play one now:")
    asked = f'PREFECT_API_URL={state.url}/api PREFECT_API_AUTH_STRING="$(cat {shlex.quote(str(_path(SECRET)))})"'
    say(f"  {asked} {shlex.quote(sys.executable)} -m prefect deployment run nightly/nightly --watch")
    say("end it all: selfplay down")


@contextmanager
def _alone() -> Iterator[None]:
    _path(".").mkdir(parents=True, exist_ok=True)
    with open(_path("lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked("another `selfplay up` or `down` is at work; wait for it to end") from None
        yield


def _read() -> State | None:
    path = _path("state.json")
    return State.model_validate_json(path.read_bytes()) if path.exists() else None


def _write(state: State) -> None:
    draft = _path("state.draft")
    draft.write_text(state.model_dump_json())
    os.replace(draft, _path("state.json"))


def _log(role: str) -> Path:
    return _path(f"{role}.log")


def _path(name: str) -> Path:
    return Path(os.environ["PREFECT_HOME"]).resolve() / "services" / name
