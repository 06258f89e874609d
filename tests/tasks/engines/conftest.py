"""A URL engine and the server that it asks, which waits for nobody; a program in vLLM's place."""

import threading

import pytest

from schemas.engines import OpenAIEngine
from tasks.engines import close_engine, completed, openai, vllm

from .api import Api, Server
from .faked import ASKED, Fake, texts


@pytest.fixture
def waits(monkeypatch):
    """What the engine would have waited, in seconds; it does not wait."""
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(openai.asyncio, "sleep", sleep)
    return waited


@pytest.fixture(scope="module")
def url():
    with Server(("127.0.0.1", 0), Api) as server:
        server.block_on_close = False  # a handler may hang: that is its fault
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture
def settings(waits, url):
    Api.faults, Api.asked, Api.told = [], [], [{}]
    return OpenAIEngine(kind="openai", url=url, concurrency=2, timeout_seconds=5)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.setattr(vllm, "PROBE_SECONDS", 1.0)
    yield Fake(tmp_path)
    close_engine()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    fake = Fake(tmp_path_factory.mktemp("steady"))
    with fake.open() as engine:
        found = texts(completed(engine, ASKED))
    close_engine()
    assert not fake.running
    return found
