"""A URL engine and the server that it asks, which waits for nobody."""

import threading

import pytest

from schemas.settings import OpenAIEngine
from tasks.engines import openai

from .api import Api, Server


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
