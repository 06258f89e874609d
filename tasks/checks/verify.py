"""Equality of answers: math-verify in two worker processes that a wall clock can kill.

math-verify's own timeouts cannot stop a power tower: its signal handler waits until one huge C call is over,
and in a thread that call holds up the whole interpreter (huggingface/Math-Verify#65). Only a killed process
is certain.
"""

import atexit
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum

from tasks.checks import verify_worker
from tasks.checks.answers import canonical

NUM_WORKERS = 2
MAX_CHECKED_CHARS = 4_000
"""Longer forms are undecided without a look."""
_START_SECONDS = 120.0
_MAX_CACHED = 500_000


class Outcome(StrEnum):
    """What a check of two answers ended in; UNDECIDED (timed out, killed, raised) is never "wrong"."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


def equivalent(pairs: Sequence[tuple[str, str]], timeout_seconds: float = 5.0) -> list[Outcome]:
    """Say of each pair (reference, answer) whether math-verify holds them equal, in this direction.

    What is compared, and cached for the life of the interpreter, are canonical forms. Equal forms are EQUAL
    and two different words DIFFERENT without a worker; an empty form equals nothing. `timeout_seconds`
    bounds one check of one pair on the wall clock, from the moment a worker takes it up: waiting for a
    worker or for its start is no part of it. Safe to call from several threads. Raises RuntimeError if the
    workers cannot start.
    """
    forms = [(canonical(first), canonical(second)) for first, second in pairs]
    outcomes = {form: _known(form) for form in forms}
    unknown = [form for form, outcome in outcomes.items() if outcome is None]
    if len(unknown) == 1:
        outcomes[unknown[0]] = _check(unknown[0], timeout_seconds)
    elif unknown:
        with ThreadPoolExecutor(NUM_WORKERS) as threads:
            checked = threads.map(lambda form: _check(form, timeout_seconds), unknown)
            outcomes.update(zip(unknown, checked, strict=True))
    return [outcome for form in forms if (outcome := outcomes[form]) is not None]


def start_workers() -> None:
    """Start the workers, unless they run, without waiting: called early, it spares the first check."""
    global _started
    with _starting:
        if not _started:
            atexit.register(_end_workers)
            for _ in range(NUM_WORKERS):
                _idle.put(_Worker())
            _started = True


_cache: dict[tuple[str, str], Outcome] = {}
_idle: queue.SimpleQueue["_Worker"] = queue.SimpleQueue()
_live: set["_Worker"] = set()
_starting = threading.Lock()
_started = False


def _known(form: tuple[str, str]) -> Outcome | None:
    first, second = form
    if not first or not second:
        return Outcome.DIFFERENT
    if first == second:
        return Outcome.EQUAL
    if max(len(first), len(second)) > MAX_CHECKED_CHARS:
        return Outcome.UNDECIDED
    if min(len(first), len(second)) > 3 and first.isalpha() and second.isalpha():
        # math-verify reads words as products of letters, and so takes "east" for "seat"
        return Outcome.EQUAL if first.casefold() == second.casefold() else Outcome.DIFFERENT
    return _cache.get(form)


def _check(form: tuple[str, str], timeout_seconds: float) -> Outcome:
    start_workers()
    worker = _idle.get()
    try:
        if not worker.alive:  # killed from outside while it was idle: no fault of this pair
            worker = worker.replaced()
        outcome = worker.check(form, timeout_seconds)
    finally:
        _idle.put(worker if worker.alive else worker.replaced())  # it starts while others work
    if len(_cache) >= _MAX_CACHED:
        _cache.clear()
    _cache[form] = outcome
    return outcome


class _Worker:
    """One worker process. Lines of JSON go in, one word comes back; nothing is pickled."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", verify_worker.__file__],  # -P: its folder must not shadow the libraries
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._ready = False
        _live.add(self)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def check(self, form: tuple[str, str], timeout_seconds: float) -> Outcome:
        """Check one pair; whatever is not a clear answer in time ends the process and is UNDECIDED."""
        self._await_ready()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps([*form, timeout_seconds]).encode() + b"\n")
            self._process.stdin.flush()
            return Outcome(self._reply(timeout_seconds))
        except (OSError, ValueError):  # it died, or said nothing in time
            self.kill()
            return Outcome.UNDECIDED
        except BaseException:  # interrupted: a late reply must not be taken for the next pair's
            self.kill()
            raise

    def kill(self) -> None:
        """End the process and reap it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # unsent bytes to a dead process
                assert pipe is not None
                pipe.close()
        _live.discard(self)

    def replaced(self) -> "_Worker":
        """End this worker and start another in its place."""
        self.kill()
        return _Worker()

    def _await_ready(self) -> None:
        if self._ready:
            return
        if self._reply(_START_SECONDS) != "ready":
            self.kill()
            raise RuntimeError(f"a math-verify worker did not start: see {sys.executable} {verify_worker.__file__}")
        self._ready = True

    def _reply(self, timeout_seconds: float) -> str:
        """Read one word; empty if it does not come in time or the process is gone."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            if not selector.select(timeout_seconds):
                return ""
        return os.read(descriptor, 64).decode().strip()  # a word is written, and so read, as a whole


def _end_workers() -> None:
    for worker in list(_live):
        worker.kill()
