"""The worker of `verify`: reads pairs of answers, says equal, different or undecided.

Run as a script, on its own: it imports nothing of the project and ends with its standard input. The process that
starts loads the libraries once and then only forks: a child checks, and when it is killed the next one is there
within milliseconds, libraries and all.
"""

import gc
import json
import logging
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from typing import Any

MAX_ADDRESS_BYTES = 8 * 1024**3
"""The last resort against memory; the parent looks at what is really used, and much sooner."""

WARM_UP = (
    "\\frac{\\sqrt{2}}{3}", "(x+1)^2", "\\sin{\\pi}", "(1,\\pi)", "[0,\\infty)", "\\{1,\\pi\\}", "x=5", "2-3i",
    "\\begin{pmatrix}1&x\\end{pmatrix}",
)  # fmt: skip

Same = Callable[[str, str], bool]


def main() -> None:
    """Keep one child at work until the standard input ends. Says `ready <pid>` for each child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no reply
    logging.disable(logging.CRITICAL)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_AS", MAX_ADDRESS_BYTES)
    same = _open_checker()
    gc.collect()
    gc.freeze()  # what the children share stays shared
    while True:
        child = os.fork()
        if child == 0:
            _serve(same, replies)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return  # the input ended


def _serve(same: Same, replies: int) -> None:
    """Answer each line `[child, number, reference, answer, timeout in seconds]` that is for this child with
    `<number> taken` and `<number> <outcome>`; never returns."""
    own = os.getpid()
    os.write(replies, b"ready %d\n" % own)
    with open(0, "rb") as lines:
        for line in lines:
            try:
                child, number, first, second, timeout_seconds = json.loads(line)
            except (ValueError, TypeError):  # the rest of a line that a child died over
                continue
            if child != own:  # was for one that is dead: nobody waits for it
                continue
            os.write(replies, b"%d taken\n" % number)
            try:
                _limit_cpu(timeout_seconds)
                outcome = "equal" if same(first, second) else "different"
            except Exception:  # whatever it was, it says nothing about the answers
                outcome = "undecided"
            os.write(replies, f"{number} {outcome}\n".encode())
    os._exit(0)


def _open_checker() -> Same:
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify

    # LaTeX only: the other reader hands the text to sympy's parse_expr, which evaluates it as Python. Units stay: it
    # would take letters behind a digit for them
    levels = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")
    readers = [LatexExtractionConfig(normalization_config=levels)]

    @lru_cache(maxsize=1024)
    def read(text: str) -> Any:
        return parse(f"${text} $", extraction_config=readers, parsing_timeout=None, raise_on_error=True)

    def same(first: str, second: str) -> bool:
        return bool(verify(read(first), read(second), float_rounding=12, timeout_seconds=None, raise_on_error=True))

    for kind in WARM_UP:  # the first of each kind builds grammars and loads modules: once, for all children
        same(kind, f"{kind}+1")
    return same


def _limit_cpu(seconds: float) -> None:
    """Let the kernel end a check that outlives a parent that was killed itself."""
    used = os.times()
    _limit("RLIMIT_CPU", int(used.user + used.system + seconds) + 5)


def _limit(name: str, most: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on this system: the parent's clock remains
        return
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(kind, (most, hard))


if __name__ == "__main__":
    main()
