"""A small server on loopback that speaks the API of completions, and misbehaves on demand."""

import json
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from tasks.engines import Checkpoint, openai

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
WEIGHTS = Checkpoint("a" * 64, TINY)


class Api(BaseHTTPRequestHandler):
    faults: ClassVar[list[Any]] = []
    """For the next requests: (status, content), (status, content, headers), or a function of the handler."""
    asked: ClassVar[list[dict]] = []
    served: ClassVar[list[str]] = [openai.served_name(WEIGHTS.digest), "teacher-7b"]
    told: ClassVar[list[dict]] = [{}]
    """What it says of its models beside their names, each time that it is asked; the last for good."""

    def do_GET(self):
        told = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        self.answer(200, json.dumps({"data": [{"id": name} | told for name in self.served]}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body | {"path": self.path, "key": self.headers.get("Authorization")})
        fault = self.faults.pop(0) if self.faults else None
        with suppress(OSError):  # the engine may leave in the middle
            if callable(fault):
                return fault(self)
            made = well if "prompt" in body else spoken
            self.answer(*(fault or (200, made([f"t{i}" for i in range(body.get("n", 1))]))))

    def answer(self, status, content, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def well(texts, end="stop", more=(), **changes):
    """Completions; `more`: what else each choice says."""
    choices = [{"index": i, "finish_reason": end, "text": text} | dict(more) for i, text in enumerate(texts)]
    return json.dumps({"choices": choices[::-1], "usage": {"completion_tokens": 5}} | changes).encode()


def spoken(texts, end="stop", message=(), **changes):
    """The same of a chat; `message`: what each message says beside, or in place of, its content."""
    said = [{"role": "assistant", "content": text} | dict(message) for text in texts]
    choices = [{"index": i, "finish_reason": end, "message": message} for i, message in enumerate(said)]
    return json.dumps({"choices": choices[::-1], "usage": {"completion_tokens": 5}} | changes).encode()


class Server(ThreadingHTTPServer):
    request_queue_size = 64


def cut_off(api):
    api.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def say_nothing(api):
    api.connection.shutdown(socket.SHUT_RDWR)


def talk_nonsense(api):
    api.wfile.write(b"\x00\xff" * 100)


PASSING = {
    "429": (429, b""),
    "500": (500, b"<html>"),
    "503": (503, b""),
    "truncated JSON": (200, b'{"choices": ['),
    "too deep JSON": (200, b"[" * 500_000),
    "not UTF-8": (200, b"\xff\xfe\x00"),
    "an empty answer": (200, b""),
    "a list": (200, b"[]"),
    "no choices": (200, b"{}"),
    "choices not a list": (200, b'{"choices": {"0": 1}}'),
    "choices of numbers": (200, b'{"choices": [1]}'),
    "an index out of range": (200, b'{"choices": [{"index": 7, "text": "1", "finish_reason": "stop"}]}'),
    "an index that is true": (200, b'{"choices": [{"index": true, "text": "1", "finish_reason": "stop"}]}'),
    "text of the wrong type": (200, b'{"choices": [{"index": 0, "text": {"a": 1}, "finish_reason": "stop"}]}'),
    "no text": (200, b'{"choices": [{"index": 0, "finish_reason": "stop"}]}'),
    "an aborted choice": (200, well(["half of i"], end="abort")),
    "no reason to end": (200, well(["1"], end=None)),
    "a reason of the wrong type": (200, well(["1"], end=["stop"])),
    "fewer choices than asked": (200, well([])),
    "more choices than asked": (200, well(["1", "2"])),
    "an answer cut off": cut_off,
    "no answer": say_nothing,
    "an answer that is not HTTP": talk_nonsense,
}
