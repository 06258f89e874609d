"""The URL engine against a small server on loopback that speaks the API and misbehaves on demand."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from schemas.errors import BadInput, Stopped
from schemas.manifest import CheckpointRef
from schemas.settings import OpenAIEngine, Sampling
from tasks.engines import Message, Request, open_engine, openai

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
WEIGHTS = CheckpointRef(digest="a" * 64)
WARM = Sampling(temperature=1.0, max_tokens=8)


class Api(BaseHTTPRequestHandler):
    faults: ClassVar[list[tuple[int, bytes]]] = []
    asked: ClassVar[list[dict]] = []
    served: ClassVar[list[str]] = [openai.served_name(WEIGHTS)]

    def do_GET(self):
        self._answer(200, json.dumps({"data": [{"id": name} for name in self.served]}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body | {"path": self.path, "key": self.headers.get("Authorization")})
        if self.faults:
            return self._answer(*self.faults.pop(0))
        choices = [{"index": i, "finish_reason": "stop", "text": f"t{i}"} for i in range(body["n"])]
        usage = {"completion_tokens": 5 * body["n"]}
        self._answer(200, json.dumps({"choices": choices[::-1], "usage": usage}).encode())

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setattr(openai.time, "sleep", lambda seconds: None)
    Api.faults, Api.asked = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    yield OpenAIEngine(kind="openai", url=url, concurrency=2, timeout_seconds=5)
    server.shutdown()


def test_n_samples_come_from_one_request_in_their_order(settings):
    with open_engine(settings, TINY, WEIGHTS) as engine:
        completions = engine.generate([Request("q", "1+1=", WARM, seed=3, n=4)])
    assert [(c.sample, c.text, c.num_tokens, c.finish_reason) for c in completions] == [
        (i, f"t{i}", 5, "stop") for i in range(4)
    ]
    (asked,) = Api.asked
    assert asked["path"] == "/v1/completions"
    assert (asked["n"], asked["seed"], asked["model"]) == (4, 3, "selfplay-" + "a" * 16)


def test_a_chat_is_asked_for_as_the_text_that_will_be_trained_on(settings, tmp_path):
    shutil.copytree(TINY, tmp_path / "chat")
    (tmp_path / "chat/chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}={% endfor %}")
    with open_engine(settings, tmp_path / "chat", WEIGHTS) as engine:
        (completion,) = engine.generate([Request("q", (Message("user", "1+1"),), WARM, seed=3)])
    assert completion.prompt == Api.asked[0]["prompt"] == "1+1="
    assert Api.asked[0]["path"] == "/v1/completions"


def test_a_servers_lone_surrogates_are_replaced(settings):
    with open_engine(settings, TINY, WEIGHTS) as engine:
        Api.faults = [(200, b'{"choices": [{"index": 0, "text": "\\ud800", "finish_reason": "stop"}], "usage": '
                            b'{"completion_tokens": 1}}')]  # fmt: skip
        (completion,) = engine.generate([Request("q", "1", WARM, seed=3)])
    assert completion.text == "?"


def test_a_passing_fault_is_tried_again_and_a_lasting_one_stops_the_run(settings):
    with open_engine(settings, TINY, WEIGHTS) as engine:
        Api.faults = [(429, b""), (500, b""), (200, b'{"choices": [')]
        assert len(engine.generate([Request("q", "1", WARM, seed=3)])) == 1
        Api.faults = [(503, b"")] * 5
        with pytest.raises(Stopped, match="HTTP 503"):
            engine.generate([Request("q", "1", WARM, seed=3)])
        Api.faults = [(400, b"no such thing")]
        with pytest.raises(Stopped, match="no such thing"):
            engine.generate([Request("q", "1", WARM, seed=3)])


def test_a_server_with_other_weights_is_refused_with_the_command_that_serves_the_right_ones(settings):
    with (
        pytest.raises(Stopped, match=r"vllm serve .* --served-model-name selfplay-bbbb"),
        open_engine(settings, TINY, CheckpointRef(digest="b" * 64)),
    ):
        pass


def test_a_key_comes_from_the_environment_only(settings, monkeypatch):
    keyed = settings.model_copy(update={"api_key_env": "SELFPLAY_TEST_KEY"})
    with pytest.raises(BadInput, match="SELFPLAY_TEST_KEY"), open_engine(keyed, TINY, WEIGHTS):
        pass
    monkeypatch.setenv("SELFPLAY_TEST_KEY", "secret")
    with open_engine(keyed, TINY, WEIGHTS) as engine:
        engine.generate([Request("q", "1", WARM, seed=3)])
    assert Api.asked[0]["key"] == "Bearer secret"
