"""A completion server for the tests: it answers as the tiny model does, and misbehaves when told to."""

import json
import random
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEACHER = "teacher/sums-7b"


class Sums(BaseHTTPRequestHandler):
    """Completes as the tiny model does: a sum step by step, or a numbered list of sums. The seed decides all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        objects = self.server.store / "objects"
        kept = objects.iterdir() if objects.exists() else []
        names = [f"selfplay-{folder.name[:16]}" for folder in kept if (folder / "object.json").exists()]
        names.append(TEACHER)
        self.answer(200, {"data": [{"id": name} for name in names]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.fault_of_next_request()
        with suppress(OSError):  # the engine may leave in the middle
            if callable(fault):
                return fault(self)
            if fault:
                return self.answer(*fault)
            prompt = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
            texts = [completed(prompt, f"{body['model']} {body['seed'] + i}") for i in range(body.get("n", 1))]
            choices = [
                {"index": i, "finish_reason": "stop"}
                | ({"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}})
                for i, text in enumerate(texts)
            ]
            self.answer(200, {"choices": choices, "usage": {"completion_tokens": sum(map(len, texts)) + len(texts)}})

    def answer(self, status, content, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def completed(prompt, noise):
    chance = random.Random(f"{prompt} {noise}")
    if prompt.endswith("=\n"):
        terms = [int(term) for term in prompt.removesuffix("=\n").split("+")]
        chance.shuffle(terms)
        total, steps = terms[0], []
        for term in terms[1:]:
            slip = chance.random() < 0.08
            steps.append(f"{total}+{term}={total + term + slip}")
            total += term + slip
        return "\n".join([*steps, f"#{total}"])
    sums = ["+".join(str(chance.randint(1, 9)) for _ in range(chance.randint(4, 6))) for _ in range(3)]
    return f" {sums[0]}\n4. {sums[1]}\n5. {sums[2]}"


class Engine(ThreadingHTTPServer):
    request_queue_size = 64
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, store, faults=None, last=None, port=0, handler=Sums):
        super().__init__(("127.0.0.1", port), handler)
        self.store, self.faults, self.last = store, faults or {}, last
        self.asked = 0
        self.counting = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def fault_of_next_request(self):
        with self.counting:
            self.asked += 1
            return self.faults.get(self.asked, self.last if self.asked > max(self.faults, default=0) else None)


def cut_off(api):
    api.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"choices"')
    api.close_connection = True


def hang_up(api):
    api.close_connection = True


def hang(api):
    time.sleep(10)
    api.close_connection = True


def never_end(api):
    api.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n{"choices": [')
    while True:
        api.wfile.write(b"[]," * 10_000)


def go_away_for_a_while(api):
    """The server ends in the middle of all that is under way, and another one comes back at its port."""
    port = api.server.server_port
    api.server.shutdown()
    api.server.socket.close()
    api.close_connection = True

    def come_back():
        time.sleep(3)
        back = Engine(api.server.store, port=port)
        back.asked = 10_000

    threading.Thread(target=come_back, daemon=True).start()
