"""Equality of answers: math-verify in worker processes that end by the clock, and a memory of what it said."""

import atexit
import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.checks.known import forms_to_compare, outcome_of
from tasks.checks.outcomes import Outcome, Outcomes
from tasks.checks.worker import Killed, Worker

__all__ = ["NUM_WORKERS", "OUTCOMES", "Outcome", "equivalent", "start_workers"]

NUM_WORKERS = min(8, max(2, os.cpu_count() or 2))
OUTCOMES = Outcomes()
"""What was decided so far, for the life of the interpreter."""


def equivalent(pairs: Sequence[tuple[str, str]], timeout_seconds: float = 5.0) -> list[Outcome]:
    """Say of each pair (reference, answer) whether math-verify holds them equal, in this direction.

    What is compared, and remembered, are canonical forms, brought to one unit where both answers state one. Equal
    forms are EQUAL, and two other numbers or words DIFFERENT, without a worker; an empty form equals nothing.
    `timeout_seconds` bounds one check of one pair on the wall
    clock, from the moment a worker takes it up: waiting for a worker or for its start is no part of it. A check
    that takes too much memory is UNDECIDED too. Safe to call from several threads. Raises RuntimeError if the
    workers cannot start.
    """
    compared = [forms_to_compare(first, second) for first, second in pairs]
    outcomes = {forms: _known(*forms) for forms in compared if not isinstance(forms, Outcome)}
    unknown = [forms for forms, outcome in outcomes.items() if outcome is None]
    if len(unknown) == 1:
        outcomes[unknown[0]] = _check(unknown[0], timeout_seconds)
    elif unknown:
        with ThreadPoolExecutor(NUM_WORKERS) as threads:
            checked = threads.map(lambda forms: _check(forms, timeout_seconds), unknown)
            outcomes.update(zip(unknown, checked, strict=True))
    return [forms if isinstance(forms, Outcome) else outcomes[forms] or Outcome.UNDECIDED for forms in compared]


def start_workers() -> None:
    """Start the workers, unless they run, without waiting: called early, it spares the first check."""
    global _started
    with _starting:
        if not _started:
            atexit.register(_end_workers)
            for _ in range(NUM_WORKERS):
                _idle.put(_new_worker())
            _started = True


_idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
_live: set[Worker] = set()
_starting = threading.Lock()
_started = False


def _known(first: str, second: str) -> Outcome | None:
    return outcome_of(first, second) or OUTCOMES.get((first, second))


def _check(form: tuple[str, str], timeout_seconds: float) -> Outcome:
    start_workers()
    worker = _idle.get()
    try:
        if not worker.alive:  # killed from outside while it was idle: no fault of this pair
            worker = _replaced(worker)
        outcome = Outcome(worker.check(*form, timeout_seconds))
    except Killed:
        outcome = Outcome.UNDECIDED
    finally:
        _idle.put(worker if worker.alive else _replaced(worker))
    OUTCOMES.add(form, outcome)
    return outcome


def _new_worker() -> Worker:
    worker = Worker()
    _live.add(worker)
    return worker


def _replaced(worker: Worker) -> Worker:
    worker.end()
    _live.discard(worker)
    return _new_worker()


def _end_workers() -> None:
    for worker in list(_live):
        worker.end()
