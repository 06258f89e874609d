"""Prefect's server for one run: a child on loopback, up while the libraries load, started again if it dies, gone with
its parent, even a killed one. A run that finds PREFECT_API_URL set uses that server instead."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.environment import ROOT
from schemas.errors import Stopped

START_SECONDS = 120
RESTARTS = 3


@contextmanager
def start_server() -> Iterator["Server | None"]:
    """Start the server at once; `Server.wait` says when it answers. None if the user has one."""
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    home = Path(os.environ["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    bypassed = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    os.environ["no_proxy"] = ",".join(filter(None, [bypassed, "127.0.0.1"]))  # a proxy does not know our loopback
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = Server(door, home / "server.log")
        try:
            yield server
        finally:
            server.end()


class Server:
    """The child and the thread that starts it again. The door stays here: who knocks while nobody is in is served by
    the next one."""

    def __init__(self, door: socket.socket, log: Path) -> None:
        self.log, self.url = log, f"http://127.0.0.1:{door.getsockname()[1]}/api"
        self._door, self._ending = door, threading.Event()
        self._process = self._started()
        self._keeper = threading.Thread(target=self._keep, name="prefect-server", daemon=True)
        self._keeper.start()

    def wait(self) -> None:
        """Return once it answers. Raises Stopped if it does not in two minutes."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._keeper.is_alive():
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise Stopped(f"Prefect's server did not start; see {self.log}, then run again")

    def end(self) -> None:
        self._ending.set()
        while self._keeper.is_alive():
            self._process.terminate()
            self._keeper.join(5)
            self._process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        as_prefect_starts_its_own = {
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        }
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.server", str(self._door.fileno()), str(os.getpid())],
                cwd=ROOT, env=os.environ | as_prefect_starts_its_own, pass_fds=[self._door.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for the run, which ends its server itself
            )  # fmt: skip

    def _keep(self) -> None:
        try:
            for _ in range(RESTARTS):
                self._process.wait()
                if self._ending.is_set():
                    return
                self._process = self._started()
            self._process.wait()
        finally:
            self._door.close()  # nobody comes any more: better to refuse than to let callers wait


def serve(door: int, parent: int) -> None:
    """The child: Prefect's API on loopback, until told to stop or until the parent is gone."""
    import uvicorn

    def leave_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=door)])


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
