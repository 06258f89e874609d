"""The keeper of a server: a small program between the factory and it, that ends all of the server's processes when
either goes.

    python keeper.py COMMAND...

It starts the command in a process group of its own, writes the group's number, and holds standard input: a pipe that
the factory keeps open. At its end the factory is gone, by kill -9 too. Nothing here imports more than Python has.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.25
TERM_SECONDS = 10.0  # a server that is still starting does not end by SIGTERM
HELPERS_SECONDS = 3.0
TRACKER_SECONDS = 5.0


def keep(command: list[str]) -> None:
    """Until the server or the factory is gone, or the keeper is told to end; then the server's whole group is."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    parent = os.getppid()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, process_group=0)
    print(server.pid, flush=True)
    while server.poll() is None and not told and os.getppid() == parent:
        if select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
            break
    end_group(server.pid, server)


def end_group(group: int, leader: "subprocess.Popen[bytes] | None" = None) -> None:
    """End every process of a group. First the leader alone is asked, as a server ends its helpers itself; then all
    are killed but the one that tracks shared memory, which removes it once its users are gone; then that one too."""
    if leader is not None and leader.poll() is None:
        leader.terminate()
        with suppress(subprocess.TimeoutExpired):
            leader.wait(TERM_SECONDS)
        _wait(group, HELPERS_SECONDS, leader)
    for pid in members(group):
        if "resource_tracker" not in _command(pid):
            _kill(pid)
    _wait(group, TRACKER_SECONDS, leader)
    while left := members(group):
        for pid in left:
            _kill(pid)
        _wait(group, POLL_SECONDS, leader)


def members(group: int) -> list[int]:
    """The processes of a group that run: one that waits to be buried does not."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state not in "ZX":
                    found.append(int(entry.name))
    return found


def _wait(group: int, seconds: float, leader: "subprocess.Popen[bytes] | None") -> None:
    until = time.monotonic() + seconds
    while members(group) and time.monotonic() < until:
        if leader is not None:
            leader.poll()  # buries it
        time.sleep(0.05)


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    keep(sys.argv[1:])
