"""Equality of answers: math-verify in worker processes that end by the clock, and a memory of what it said."""

import atexit
import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.answers.asking import asked_of
from tasks.answers.outcomes import Outcome, Outcomes, Pair
from tasks.answers.worker import Gone, Killed, Worker

__all__ = ["NUM_WORKERS", "OUTCOMES", "Outcome", "equivalent", "start_workers"]

NUM_WORKERS = min(8, max(2, os.cpu_count() or 2))
_MOST_GONE = 3  # workers lost one after the other, each before it took the pair up
OUTCOMES = Outcomes()
"""What was decided so far, for the life of the interpreter."""


def equivalent(pairs: Sequence[tuple[str, str]], timeout_seconds: float = 5.0) -> list[Outcome]:
    """Say of each pair (reference, answer) whether they are the same answer.

    What they say decides where it can be read (`outcome_of`); limits, integrals and the like are for math-verify, in
    a worker, in this direction. An answer that says nothing equals nothing.
    `timeout_seconds` bounds one check of one pair on the wall clock, from the moment a worker takes it up: waiting
    for a worker or for its start is no part of it. A check that takes too much memory is UNDECIDED too. Safe to call
    from several threads. Raises OSError or RuntimeError if the workers cannot start, or if the interpreter is ending.
    """
    compared = [_asked_of(first, second) for first, second in pairs]
    outcomes = {texts: OUTCOMES.get(texts) for texts in compared if not isinstance(texts, Outcome)}
    unknown = [forms for forms, outcome in outcomes.items() if outcome is None]
    if len(unknown) == 1:
        outcomes[unknown[0]] = _check(unknown[0], timeout_seconds)
    elif unknown:
        threads = ThreadPoolExecutor(NUM_WORKERS)
        try:
            checked = threads.map(lambda forms: _check(forms, timeout_seconds), unknown)
            outcomes.update(zip(unknown, checked, strict=True))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the checks
    return [texts if isinstance(texts, Outcome) else outcomes[texts] or Outcome.UNDECIDED for texts in compared]


def _asked_of(first: str, second: str) -> Pair | Outcome:
    try:
        return asked_of(first, second)
    except Exception:  # whatever it was, it says nothing about the answers
        return Outcome.UNDECIDED


def start_workers() -> None:
    """Start the workers, unless they run, without waiting: called early, it spares the first check."""
    global _hooked, _started
    with _starting:
        if not _hooked:
            # before the interpreter joins its threads, where Python has such a hook: they may be inside checks
            getattr(threading, "_register_atexit", atexit.register)(_close)
            _hooked = True
        if not _started:
            for slot in range(NUM_WORKERS):
                _workers[slot] = _workers[slot] or _new_worker()
            _started = True


_workers: list[Worker | None] = [None] * NUM_WORKERS
_idle: queue.SimpleQueue[int] = queue.SimpleQueue()
"""Places in `_workers` that are free; each is given back whatever becomes of its worker."""
for _slot in range(NUM_WORKERS):
    _idle.put(_slot)
_starting = threading.Lock()
_hooked = _started = _closed = False


def _check(texts: tuple[str, str], timeout_seconds: float) -> Outcome:
    start_workers()
    slot = _idle.get()
    try:
        outcome = _asked(slot, texts, timeout_seconds)
    finally:
        _idle.put(slot)
    OUTCOMES.add(texts, outcome)
    return outcome


def _asked(slot: int, texts: tuple[str, str], timeout_seconds: float) -> Outcome:
    for _ in range(_MOST_GONE):
        try:
            return Outcome(_worker_in(slot).check(*texts, timeout_seconds))
        except Killed:
            break
        except Gone:  # ended from outside while it was idle: no fault of this pair
            _workers[slot] = None
    return Outcome.UNDECIDED


def _worker_in(slot: int) -> Worker:
    """The slot's worker; a new one if it has none that lives."""
    with _starting:
        worker = _workers[slot]
        if worker is None or not worker.alive:
            if worker is not None:
                worker.end()
            _workers[slot] = None  # should the next line fail
            _workers[slot] = worker = _new_worker()
    return worker


def _new_worker() -> Worker:
    if _closed:
        raise RuntimeError("no more checks: the interpreter is ending")
    return Worker()


def _close() -> None:
    """End every worker, and with them the checks under way; those that wait raise."""
    global _closed
    with _starting:
        _closed = True
        for worker in filter(None, _workers):
            worker.kill()
