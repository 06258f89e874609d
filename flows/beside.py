"""Work beside a stage: a thread that takes each part of its table as soon as the part is whole."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Rows = list[dict[str, Any]]


class Beside:
    """Give `work` each part in turn, in one thread. What it raises is dropped: it only prepares for a later stage,
    which meets the same trouble itself and says so."""

    def __init__(self, work: Callable[[Rows], None]) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._seconds = 0.0

    def take(self, rows: Rows) -> None:
        self._thread.submit(self._timed, rows)

    def finish(self) -> dict[str, float]:
        """Wait for the work to end; seconds it took in all, and seconds of them that were waited for here."""
        began = time.monotonic()
        self._thread.shutdown()
        return {"seconds": round(self._seconds, 3), "waited_seconds": round(time.monotonic() - began, 3)}

    def abandon(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _timed(self, rows: Rows) -> None:
        began = time.monotonic()
        try:
            self._work(rows)
        finally:
            self._seconds += time.monotonic() - began
