"""A Prefect server as a user has one."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

from .faults import ROOT


@contextmanager
def serving_prefect(home):
    """Its URL and its process; its database is in a folder, and nobody starts it again."""
    with socket.create_server(("127.0.0.1", 0)) as door, open(home / "server.log", "ab") as log:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/api"
        application = ["prefect.server.api.server:create_app", "--factory", "--log-level", "error"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *application, "--fd", str(door.fileno())], cwd=ROOT,
            pass_fds=[door.fileno()], stdout=log, stderr=log,
            env=os.environ | {
                "PREFECT_HOME": str(home),
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db",
                "PREFECT_UI_ENABLED": "0",
            },
        )  # fmt: skip
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=120) as answer:
            assert answer.status == 200
        yield url, process
    finally:
        process.kill()
        process.wait()
