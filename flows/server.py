"""Prefect's server for one run: a child on loopback, up while the libraries load, gone with its parent, even a killed
one. A run that finds PREFECT_API_URL set uses that server instead."""

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


@contextmanager
def start_server() -> Iterator["Server | None"]:
    """Start the server at once; `Server.wait` says when it answers. None if the user has one."""
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    home = Path(os.environ["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "server.log", "ab") as log:
        port = _free_port()
        as_prefect_starts_its_own = {
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(port), str(os.getpid())],
            cwd=ROOT, env=os.environ | as_prefect_starts_its_own, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,  # Ctrl-C is for the run, which ends its server itself
        )  # fmt: skip
    try:
        yield Server(process, port, home / "server.log")
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.log, self.url = process, log, f"http://127.0.0.1:{port}/api"

    def wait(self) -> None:
        """Return once it answers. Raises Stopped if it does not in two minutes."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise Stopped(f"Prefect's server did not start; see {self.log}, then run again")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(port: int, parent: int) -> None:
    """The child: Prefect's API on loopback, until told to stop or until the parent is gone."""
    import uvicorn

    def leave_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    uvicorn.run("prefect.server.api.server:create_app", factory=True, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
