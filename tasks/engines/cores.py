"""Engines on the machine's other cores, for a model too small for a second thread: each a process of one thread.

The engine of this process and theirs are asked a batch at a time, whichever is idle. Batches are those of one engine,
and a row's noise is its own: nothing that is written depends on how many there are. A process that is lost costs its
time alone: another engine, in the end the one here, is asked instead.
"""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from schemas.engines import TransformersEngine
from schemas.errors import Stopped
from tasks.engines.device import processes_for
from tasks.engines.engine import Completion, Engine, Request
from tasks.engines.transformers import LocalEngine, batches, open_transformers

ROOT = Path(__file__).resolve().parents[2]

_resting: list["Helper"] = []
"""Processes that have loaded their libraries, and no weights: the next engine takes them."""


@contextmanager
def open_on_cores(settings: TransformersEngine, folder: Path) -> Iterator[Engine]:
    """The engine here, beside as many in processes of their own as a small model has cores for."""
    with open_transformers(settings, folder) as here:
        others = processes_for(here.model) - 1
        if not others:
            yield here
            return
        engine = CoreEngines(here, settings, folder, others)
        try:
            yield engine
        finally:
            engine.close()


class CoreEngines:
    identity = None

    def __init__(self, here: LocalEngine, settings: TransformersEngine, folder: Path, others: int) -> None:
        self.here, self.batch_rows, self.at_once = here, settings.batch_rows, others + 1
        self.closed = False
        self._idle: SimpleQueue[LocalEngine | Helper] = SimpleQueue()
        self._idle.put(here)
        self._helpers: list[Helper] = []
        with suppress(OSError):  # no process more is to be had
            for _ in range(others):
                self._helpers.append(_resting.pop() if _resting else Helper())
        for helper in self._helpers:  # asked as soon as it has its weights
            threading.Thread(target=self._opened, args=(helper, settings, folder), daemon=True).start()

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for batch in batches(requests, self.batch_rows):
            yield from self._answered(batch)

    def close(self) -> None:
        """Those that are idle rest; those at work, as an interrupted run leaves them, are killed."""
        self.closed = True
        idle: list[LocalEngine | Helper] = []
        with suppress(Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for helper in self._helpers:
            if helper in idle and helper.close():
                _resting.append(helper)
            else:
                helper.kill()

    def _opened(self, helper: "Helper", settings: TransformersEngine, folder: Path) -> None:
        with suppress(EOFError, OSError):  # it is gone
            helper.open(settings, folder)
            self._idle.put(helper)

    def _answered(self, batch: list[Request]) -> list[Completion]:
        while not self.closed:
            engine = self._idle.get()
            try:
                completions = list(engine.generate(batch))
            except BaseException as error:
                if isinstance(error, EOFError | OSError) and engine is not self.here:
                    continue  # its process is gone
                self._idle.put(engine)
                raise
            self._idle.put(engine)
            return completions
        raise Stopped("the engine was closed while it was asked")


class Helper:
    """A process that opens engines and answers for them, a batch at a time. It ends with this one, killed or not."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # a terminal's Ctrl-C is this process's
            )  # fmt: skip
        self._connection: Connection[Any, Any] = Connection(ours.detach())

    def open(self, settings: TransformersEngine, folder: Path) -> None:
        """Load weights. Raises EOFError or OSError if that ended it."""
        self._asked((settings, folder.resolve()))

    def generate(self, batch: list[Request]) -> list[Completion]:
        """Raises what was raised there; EOFError or OSError if it is gone."""
        completions: list[Completion] = self._asked(batch)
        return completions

    def close(self) -> bool:
        """Give the weights' memory back; whether it is still there."""
        with suppress(EOFError, OSError):
            self._asked(None)
            return True
        return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _asked(self, what: object) -> Any:
        self._connection.send(what)
        found = self._connection.recv()
        if isinstance(found, Exception):
            raise found
        return found


def serve(descriptor: int) -> None:
    """The process of a helper."""
    threading.Thread(target=_end_with_the_other, args=(descriptor,), daemon=True).start()
    connection: Connection[Any, Any] = Connection(descriptor)
    while True:
        with open_transformers(*connection.recv()) as engine:
            connection.send(None)
            while (batch := connection.recv()) is not None:
                try:
                    made: object = list(engine.generate(batch))
                except Exception as error:
                    made = error
                connection.send(made)
        connection.send(None)


def _end_with_the_other(descriptor: int) -> None:
    """In the middle of a batch too."""
    other = select.poll()
    other.register(descriptor, 0)  # its end is told in any case
    other.poll()
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
