"""The door in front of vLLM's paths: none of them, nor a socket, without the key."""

import asyncio
import importlib.util

import pytest

from tasks.engines.vllm_command import BESIDE


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "right")
    spec = importlib.util.spec_from_file_location("selfplay_door", BESIDE / "selfplay_door.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def ask(kind, path, *keys):
        sent = []

        async def app(scope, receive, send):
            await send("let in")

        async def send(message):
            sent.append(message)

        headers = [(b"authorization", key) for key in keys]
        scope = {"type": kind, "path": path} | ({} if kind == "lifespan" else {"headers": headers})
        asyncio.run(module.Door(app)(scope, None, send))
        return sent

    return ask


@pytest.mark.parametrize("path", ["/v1/completions", "/collective_rpc", "/health", "/v1/load_lora_adapter", "/"])
def test_no_path_is_open_without_the_key(asked, path):
    assert asked("http", path, b"Bearer right") == ["let in"]
    for keys in ((), (b"Bearer wrong",), (b"Bearer ",), (b"right",), (b"Bearer wrong", b"Bearer right"), (b"\xff",)):
        assert asked("http", path, *keys)[0]["status"] == 401


def test_a_socket_is_closed(asked):
    assert asked("websocket", "/v1/realtime") == [{"type": "websocket.close", "code": 1008}]
    assert asked("lifespan", "") == ["let in"], "no request"
