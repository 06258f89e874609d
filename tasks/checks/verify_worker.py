"""The worker process of `verify`: reads pairs of answers, says equal, different or undecided.

Run as a script, on its own: it imports nothing of the project and ends with its standard input.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

MAX_MEMORY_BYTES = 2 * 1024**3
"""Address space of a worker: an allocation beyond it raises, and the pair is undecided."""


def serve() -> None:
    """Answer each line `[reference, answer, timeout in seconds]` of standard input with one word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no reply
    logging.disable(logging.CRITICAL)
    _limit_memory()
    same = _open_checker()
    os.write(replies, b"ready\n")
    for line in sys.stdin.buffer:
        first, second, timeout_seconds = json.loads(line)
        _limit_cpu(timeout_seconds)
        try:
            outcome = b"equal\n" if same(first, second) else b"different\n"
        except Exception:  # whatever it was, it says nothing about the answers
            outcome = b"undecided\n"
        os.write(replies, outcome)


def _open_checker() -> Callable[[str, str], bool]:
    from math_verify import LatexExtractionConfig, parse, verify

    # LaTeX only: the other reader hands the text to sympy's parse_expr, which evaluates it as Python
    readers = [LatexExtractionConfig()]

    @lru_cache(maxsize=256)
    def read(text: str) -> Any:
        return parse(f"${text} $", extraction_config=readers, parsing_timeout=None, raise_on_error=True)

    def same(first: str, second: str) -> bool:
        return bool(verify(read(first), read(second), timeout_seconds=None, raise_on_error=True))

    same("\\frac{1}{2}", "0.5")  # the first call builds the grammar
    return same


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # no such limits on this system: the wall clock remains
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MAX_MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, hard))


def _limit_cpu(seconds: float) -> None:
    """Let the kernel end a check that outlives a parent that was killed itself."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 5
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


if __name__ == "__main__":
    serve()
