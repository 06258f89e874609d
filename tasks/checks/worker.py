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

from tasks.checks import verify_worker

MAX_MEMORY_BYTES = 1024**3
"""Resident memory at which a check is ended; an honest one stays below 200 MB."""
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.02  # between two looks at the memory of a check
_CHECKS_BETWEEN_LOOKS = 16  # and at what is left of it afterwards


class Killed(Exception):
    """The check ended its process, or had it ended: it says nothing about the answers."""


class Worker:
    """One checker process (`verify_worker`) and its child at work. Lines of JSON go in, one word comes back."""

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
        RuntimeError if the process cannot be started at all. Waiting for its start is no part of the time."""
        self._await_child()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps([first, second, timeout_seconds]).encode() + b"\n")
            self._process.stdin.flush()
            word = self._reply(timeout_seconds, MAX_MEMORY_BYTES)
            self._checks += 1
        except OSError as error:
            self.end()
            raise Killed from error
        except BaseException:  # too long, too large, or interrupted: a late reply must not be the next pair's
            self._kill_child()
            raise
        if word.startswith("ready"):  # the child died of the check, and this is the next one
            self._child = int(word.split()[1])
            raise Killed
        if self._checks % _CHECKS_BETWEEN_LOOKS == 0 and _memory_of(self._child) > MAX_MEMORY_BYTES // 2:
            self._kill_child()  # what earlier checks left behind must not count against the next
        return word

    def end(self) -> None:
        """End the process and its child, and reap it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # unsent bytes to a dead process
                assert pipe is not None
                pipe.close()

    def _await_child(self) -> None:
        while not self.ready:
            try:
                word = self._reply(_START_SECONDS)
            except Killed:
                self.end()
                raise RuntimeError(
                    f"a math-verify worker did not start: try {sys.executable} {verify_worker.__file__}"
                ) from None
            if word.startswith("ready"):  # anything else is the last word of a child that was killed
                self._child = int(word.split()[1])

    def _kill_child(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        self._child = 0

    def _reply(self, timeout_seconds: float, max_memory: int | None = None) -> str:
        """Read one line. Raises Killed if it does not come in time, at too much memory, or at the pipe's end."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Killed
                if selector.select(min(left, _LOOK_SECONDS)):
                    received = os.read(descriptor, 4096)
                    if not received:
                        raise Killed
                    self._unread += received
                elif max_memory and _memory_of(self._child) > max_memory:
                    raise Killed
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def _memory_of(process: int) -> int:
    """Resident bytes; 0 if the process is gone."""
    import psutil

    try:
        resident: int = psutil.Process(process).memory_info().rss
    except psutil.Error:
        return 0
    return resident
