"""A process that can be killed: by the clock, by the memory it takes, and replaced at once.

math-verify's own timeouts cannot stop a power tower: its signal handler waits until one huge C call is over,
and in a thread that call holds up the whole interpreter (huggingface/Math-Verify#65). Only a killed process
is certain.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress

from tasks.answers import verify_worker

MAX_MEMORY_BYTES = 1024**3
"""Resident memory at which a check is ended; an honest one stays below 200 MB."""
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.02  # between two looks at the memory of a check
_CHECKS_BETWEEN_LOOKS = 16  # and at what is left of it afterwards
_MOST_CHILDREN = 5  # lost one after the other before any takes a check up


class Killed(Exception):
    """The check ended its process, or had it ended: it says nothing about the answers."""


class Gone(Exception):
    """The process was ended by another before it took the check up: a new one can."""


class Worker:
    """One checker process (`verify_worker`) and its child at work. A line of JSON goes in, for this child and with a
    number; `<number> taken` and `<number> <outcome>` come back."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", verify_worker.__file__],  # -P: its folder must not shadow the libraries
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # a group of its own, to be ended as one
        )
        self._child = 0  # process id of the child at work; 0 until it is ready
        self._number = 0  # of the check: a late reply to an earlier one is passed over
        self._unread = b""
        self._checks = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        return self._child > 0

    def check(self, first: str, second: str, timeout_seconds: float) -> str:
        """Return the checker's word on a pair. Raises Killed if none comes in time or within the memory allowed,
        Gone if the process was ended before it took the pair up, RuntimeError if it cannot be started at all.
        Waiting for its start is no part of the time."""
        for _ in range(_MOST_CHILDREN):
            self._await_child()
            if word := self._asked(first, second, timeout_seconds):
                self._checks += 1
                if self._checks % _CHECKS_BETWEEN_LOOKS == 0 and _memory_of(self._child) > MAX_MEMORY_BYTES // 2:
                    self._kill_child()  # what earlier checks left behind must not count against the next
                return word
        self.end()
        raise Gone

    def _asked(self, first: str, second: str, timeout_seconds: float) -> str:
        """The child's word; an empty one if another child came before this one had taken the pair up."""
        self._number += 1
        taken = False
        try:
            self._send([self._child, self._number, first, second, timeout_seconds])
            deadline = time.monotonic() + timeout_seconds
            while (reply := self._reply(deadline, MAX_MEMORY_BYTES))[0] != "ready":
                if reply == [str(self._number), "taken"]:
                    taken = True
                elif reply[0] == str(self._number):
                    return reply[1]
        except Gone:
            self.end()
            if taken:
                raise Killed from None
            raise
        except BaseException:  # too long, too large, or interrupted
            self._kill_child()
            raise
        self._child = int(reply[1])
        if taken:
            raise Killed
        return ""

    def kill(self) -> None:
        """End the process and its child; a thread that waits for a reply is told by the pipe's end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """End the process and its child, and reap it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # unsent bytes to a dead process
                assert pipe is not None
                pipe.close()

    def _await_child(self) -> None:
        if self.ready:
            return
        deadline = time.monotonic() + _START_SECONDS
        try:
            while (reply := self._reply(deadline))[0] != "ready":
                pass  # the last words of a child that was killed
        except (Killed, Gone):
            self.end()
            raise RuntimeError(
                f"a math-verify worker did not start: try {sys.executable} {verify_worker.__file__}"
            ) from None
        self._child = int(reply[1])

    def _kill_child(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self._child) == self._process.pid:  # its number might be another's by now
                os.kill(self._child, signal.SIGKILL)
        self._child = 0

    def _send(self, request: list[object]) -> None:
        """Write one line; at 48 kB, the longest pair, it fits into the pipe, so that no write waits for a reader."""
        assert self._process.stdin is not None
        line = json.dumps(request, ensure_ascii=False).encode(errors="surrogatepass")
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Gone from error

    def _reply(self, deadline: float, max_memory: int | None = None) -> list[str]:
        """Read the words of one line. Raises Killed if it is not there by the deadline, or at too much memory; Gone
        at the pipe's end."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left = deadline - time.monotonic()
                # looked at once more when the time is over: this process may have slept, and the line be there
                if selector.select(max(0.0, min(left, _LOOK_SECONDS))):
                    received = os.read(descriptor, 4096)
                    if not received:
                        raise Gone
                    self._unread += received
                elif left <= 0 or (max_memory and _memory_of(self._child) > max_memory):
                    raise Killed
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode().split()


def _memory_of(process: int) -> int:
    """Resident bytes; 0 if the process is gone."""
    import psutil

    try:
        resident: int = psutil.Process(process).memory_info().rss
    except psutil.Error:
        return 0
    return resident
