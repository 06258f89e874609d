"""What training in several processes asks of the stage's own process: a line of JSON each way, over loopback, or the
network where training goes over several machines.

A worker whose connection ends, ends itself: none outlives the process that started it.
"""

import os
import queue
import secrets
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

LOOPBACK = "127.0.0.1"
_LINE_SECONDS = 10.0  # in which whoever began a line must have ended it
_END_SECONDS = 60.0  # for a worker to be gone


class Answering:
    """The stage's end: answers each question by the function of its name."""

    def __init__(self, answers: Mapping[str, Callable[..., Any]], host: str | None) -> None:
        self._answers = answers
        self._token = secrets.token_hex(16)
        self._host = host or LOOPBACK
        self._server = socket.create_server(("" if host else LOOPBACK, 0))
        self._workers: dict[socket.socket, Any] = {}
        """Connection -> its lines, once it has shown the token."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)

    @property
    def address(self) -> tuple[str, int, str]:
        """Host, port, and what a worker has to show: others can reach the port too."""
        return self._host, self._server.getsockname()[1], self._token

    def answer(self, seconds: float) -> None:
        """Answer what is asked within so many seconds. Raises what an answer raises."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._server:
                connection, _ = self._server.accept()
                connection.settimeout(_LINE_SECONDS)
                self._selector.register(connection, selectors.EVENT_READ, connection.makefile("rb"))
            else:
                self._answer_one(key.fileobj, key.data)

    def _answer_one(self, connection: Any, lines: Any) -> None:
        line = b""
        with suppress(OSError):
            line = lines.readline()
        if connection in self._workers and line.endswith(b"\n"):
            name, *values = orjson.loads(line)
            reply = self._answers[name](*values)
        elif line == self._token.encode() + b"\n":
            self._workers[connection], reply = lines, None
        else:
            self._forget(connection)
            return
        with suppress(OSError):  # it may have died meanwhile
            connection.sendall(orjson.dumps(reply) + b"\n")

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._workers.pop(connection, None)
        connection.close()

    def close(self) -> None:
        """Let go of every worker, and wait until each is gone: it would write beside those that follow."""
        self._selector.unregister(self._server)
        self._server.close()
        for connection in self._workers:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        for connection in list(self._workers):
            connection.settimeout(_END_SECONDS)
            with suppress(OSError):
                while connection.recv(4096):
                    pass
        for key in list(self._selector.get_map().values()):
            self._forget(key.fileobj)  # type: ignore[arg-type]
        self._selector.close()


@contextmanager
def answering(answers: Mapping[str, Callable[..., Any]], host: str | None = None) -> Iterator[Answering]:
    """Listen on a free port, until the end of the block: of loopback, or of this machine, which others reach as
    `host`."""
    stage = Answering(answers, host)
    try:
        yield stage
    finally:
        stage.close()


class Asking:
    """A worker's end."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._connection = socket.create_connection((host, port))
        self._replies: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(token.encode())

    def ask(self, name: str, *values: Any) -> Any:
        """What the stage's process answers, once it has done what is asked."""
        return self._send(orjson.dumps([name, *values]))

    def _send(self, line: bytes) -> Any:
        self._connection.sendall(line + b"\n")
        return self._replies.get()

    def _listen(self) -> None:
        with suppress(OSError):
            for line in self._connection.makefile("rb"):
                self._replies.put(orjson.loads(line))
        print("the process that started this one is gone, or wants it gone", file=sys.stderr, flush=True)
        os._exit(1)


@contextmanager
def watching(host: str, port: int, token: str) -> Iterator[Callable[[], bool]]:
    """Hold a connection, as a worker does, and ask nothing: what is yielded says whether the stage still answers."""
    try:
        with socket.create_connection((host, port), _LINE_SECONDS) as connection:
            connection.sendall(token.encode() + b"\n")
            known = connection.recv(100) == b"null\n"
            connection.setblocking(False)

            def lives() -> bool:
                try:
                    return known and connection.recv(1) != b""
                except BlockingIOError:
                    return True
                except OSError:
                    return False

            yield lives
    except (ConnectionError, TimeoutError, socket.gaierror):
        yield lambda: False
