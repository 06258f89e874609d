"""Who a client asks: never a proxy about this machine, and a proxy that cannot be used is named."""

import asyncio
import os

import pytest

from schemas.errors import BadInput
from tasks.engines.clients import check_client, client_of


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def goes_through_a_proxy(url):
    import httpx

    client = client_of(url, 1)
    proxied = type(client._transport_for_url(httpx.URL(url))._pool).__name__ != "AsyncConnectionPool"
    asyncio.run(client.aclose())
    return proxied


def test_no_server_of_this_machine_is_asked_through_a_proxy(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert goes_through_a_proxy("http://example.org/v1")
    for host in ("localhost:1", "127.0.0.1:1", "127.4.5.6", "[::1]:8000"):
        assert not goes_through_a_proxy(f"http://{host}/v1")


def test_a_proxy_of_an_unknown_kind_is_named_before_the_night_and_not_missed_on_this_machine(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(BadInput, match=r"HTTPS_PROXY: no proxy that https://example\.org/v1 can be reached through"):
        check_client("https://example.org/v1")
    check_client("http://localhost:1/v1")


def test_a_socks_proxy_can_be_used(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:7890")
    check_client("https://example.org/v1")
