"""Work beside a stage: a thread that takes each part of its table as soon as the part is whole."""

import atexit
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Rows = list[dict[str, Any]]

_LAST_SECONDS = 1.5  # for an abandoned thread to leave what it has, when the interpreter ends


class Beside:
    """Give `work` each part in turn, in one thread. What it raises is dropped: it only prepares for a later stage,
    which meets the same trouble itself and says so. After `finish` or `abandon`, parts are dropped too."""

    def __init__(self, work: Callable[[Rows], None]) -> None:
        self._work = work
        self._parts: queue.SimpleQueue[Rows | None] = queue.SimpleQueue()
        self._abandoned = False
        self._seconds = 0.0
        # a daemon, and no executor's: the interpreter's end waits for every other thread
        self._thread = threading.Thread(target=self._run, name="beside", daemon=True)
        self._thread.start()

    def take(self, rows: Rows) -> None:
        self._parts.put(rows)

    def finish(self) -> dict[str, float]:
        """Wait for the work to end; seconds it took in all, and seconds of them that were waited for here."""
        began = time.monotonic()
        self._parts.put(None)
        self._thread.join()
        return {"seconds": round(self._seconds, 3), "waited_seconds": round(time.monotonic() - began, 3)}

    def abandon(self) -> None:
        """Begin no other part, and wait for nothing; what is under way ends by itself, or with the interpreter."""
        self._abandoned = True
        self._parts.put(None)
        if self._thread.is_alive():
            atexit.register(self._thread.join, _LAST_SECONDS)

    def _run(self) -> None:
        while (rows := self._parts.get()) is not None and not self._abandoned:
            began = time.monotonic()
            with suppress(Exception):
                self._work(rows)
            self._seconds += time.monotonic() - began
