"""Processes that outlive the command that started them: known by pid, start time and a mark in their environment."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel

from flows.environment import ROOT

MARK = "SELFPLAY_SERVICE"
FLOW_RUN = "PREFECT__FLOW_RUN_ID"


class Started(BaseModel):
    """A process as it was when it was started: another one may have its pid since."""

    pid: int
    created: float


def start(command: list[str], environment: Mapping[str, str], mark: str, log: Path, folder: Path = ROOT) -> Started:
    """Start a process in a session of its own. Its mark goes to every process that it starts in turn."""
    with open(log, "ab") as written:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, MARK: mark}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=written, stderr=written,
        )  # fmt: skip
    started = Started(pid=process.pid, created=psutil.Process(process.pid).create_time())
    while process.poll() is None and living(started, mark) is None:
        time.sleep(0.01)  # the kernel shows a new process's environment a moment later
    return started


def living(started: Started | None, mark: str) -> psutil.Process | None:
    """The process, if it still is the one that was started."""
    if started is None:
        return None
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.created) < 1 and process.environ().get(MARK) == mark
        return process if same and is_alive(process) else None
    except psutil.Error:
        return None


def marked(*marks: str) -> list[psutil.Process]:
    """Every living process with one of these marks."""
    return [process for process, environment in _environments() if environment.get(MARK) in marks]


def flow_runs(mark: str) -> list[psutil.Process]:
    """The processes that play flow runs, of those with this mark; the helpers that they start are left out."""
    playing = {process.pid: (process, environment[FLOW_RUN]) for process, environment in _environments()
               if environment.get(MARK) == mark and FLOW_RUN in environment}  # fmt: skip
    return [process for process, run in playing.values() if playing.get(_parent(process), (None, ""))[1] != run]


def workers(mark: str) -> list[psutil.Process]:
    """The processes with this mark that play no flow run: those go on without their worker."""
    return [p for p, environment in _environments() if environment.get(MARK) == mark and FLOW_RUN not in environment]


def flow_run_ids() -> set[str]:
    """Every flow run that a process of this machine plays."""
    return {environment[FLOW_RUN] for _, environment in _environments() if FLOW_RUN in environment}


def end(processes: Iterable[psutil.Process], seconds: float) -> None:
    """SIGTERM to each; SIGKILL to those that are there after so many seconds."""
    left = list(processes)
    for process in left:
        _signal(process, signal.SIGTERM)
    until = time.monotonic() + seconds
    while (left := [process for process in left if is_alive(process)]) and time.monotonic() < until:
        time.sleep(0.1)
    for process in left:
        _signal(process, signal.SIGKILL)
    while any(is_alive(process) for process in left):
        time.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs: one that waits to be buried by its parent does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):  # psutil looks at the start time once more: a pid's new owner is left alone
        process.send_signal(number)


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0


def _environments() -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and is_alive(process):
                yield process, process.environ()
        except psutil.Error:
            continue
