"""A server that this process starts, watches and ends: a child on loopback with a log, gone with its parent."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Stopped
from tasks.engines import keeper
from tasks.engines.engine import Report
from tasks.engines.keeper import end_group
from tasks.environment import OF_VLLM, take_out

START_SECONDS = 1800.0  # large weights from a slow disk
END_SECONDS = 30.0
KEPT_LOGS = 8
LOG_BYTES = 2**20  # of a log's end, read for its last words
ERROR = re.compile(r"[\w.]*(Error|Exception): .+")
NEAREST = ("(Worker", "(EngineCore", "")  # how vLLM's processes begin their lines: the others name their error only
# what is not the server's business
WITHHELD = ("PREFECT", "SELFPLAY", "AWS_", "PYTHON")


@dataclass
class Server:
    """A running server, with the program that keeps it."""

    url: str
    log: Path
    keeper: "subprocess.Popen[bytes]"
    group: int

    def is_running(self) -> bool:
        """False once any process of it has ended: its keeper then ends the others."""
        return self.keeper.poll() is None

    def end(self) -> None:
        """End all of its processes, and return when they are gone: their memory is free then."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        try:
            self.keeper.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        end_group(self.group)  # nobody is left, unless the keeper was killed

    def last_words(self) -> str:
        """The last error that its log names, by the process nearest to the cause, or else the log's last line: one
        line, fit for a terminal."""
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - LOG_BYTES))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        for process in NEAREST:
            told = [found[0] for line in lines if line.startswith(process) and (found := ERROR.search(line))]
            if told:
                lines = told
                break
        return "".join(c if c.isprintable() else "?" for c in (lines or ["nothing"])[-1])[:300]


def start(
    command: Callable[[int], list[str]], environment: Mapping[str, str], logs: Path, name: str = "server"
) -> Server:
    """Start the command made for a free port of loopback, with a log of its own among the newest in `logs`."""
    port = _free_port()
    logs.mkdir(parents=True, exist_ok=True)
    for old in sorted(logs.glob(f"{name}-*.log"), reverse=True)[KEPT_LOGS - 1 :]:
        old.unlink(missing_ok=True)
    log = logs / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{port}.log"
    passed = {key: value for key, value in os.environ.items() if not key.startswith(WITHHELD)}
    take_out(passed, OF_VLLM)
    with open(log, "ab") as written:
        child = subprocess.Popen(
            [sys.executable, "-I", keeper.__file__, *command(port)], cwd=logs, env=passed | dict(environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written,
            start_new_session=True,  # Ctrl-C is for the run, which ends its server itself
        )  # fmt: skip
    assert child.stdout is not None
    with child.stdout as told:
        group = told.readline()
    if not group.strip():
        raise Stopped(f"{command(port)[0]} could not be started; its log: {log}")
    return Server(f"http://127.0.0.1:{port}", log, child, int(group))


def wait_for(server: Server, answers: Callable[[], bool], report: Report, words: str) -> None:
    """Return once it answers. Raises Stopped, with its last words, if it ends before, or never does; it is ended."""
    began = time.monotonic()
    try:
        while not answers():
            seconds = time.monotonic() - began
            if not server.is_running() or seconds > START_SECONDS:
                how = f"not ready in {seconds:.0f} s" if server.is_running() else f"ended after {seconds:.0f} s"
                raise Stopped(
                    f"{words}: {how}: {server.last_words()}; its log: {server.log}; mend it, then run again"
                )
            report(0, 0, f"({words}: {seconds:.0f} s)")
            time.sleep(0.25)
    except BaseException:
        server.end()
        raise


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
