"""The URL engine against a server that fails, lies, never ends or is not there."""

import gzip
import socket
import threading
import time
import tracemalloc

import httpx
import pytest

from schemas.errors import Stopped
from schemas.settings import Sampling
from tasks.engines import Request, completed, open_engine, openai
from tasks.engines.answers import retry_after

from .api import PASSING, WEIGHTS, Api, well

WARM = Sampling(temperature=1.0, max_tokens=8)
ASKED = Request("q", "1+1=", WARM, seed=3)


def test_a_servers_lone_surrogates_are_replaced(settings):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["\ud800"]))]
        (completion,) = completed(engine, [ASKED])
    assert completion.text == "?"


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_tried_again_and_one_that_lasts_is_one_line(settings, fault):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [PASSING[fault]] * (openai.TRIES - 1)
        (completion,) = completed(engine, [ASKED])
        assert completion.text == "t0"
        Api.faults = [PASSING[fault]] * (openai.TRIES + 1)  # the smallest prompt is asked too
        with pytest.raises(Stopped, match=r"/v1/completions: .*; start or mend the server, then run again$") as ended:
            completed(engine, [ASKED])
    assert len(str(ended.value)) < 500
    assert len(Api.asked) == 2 * openai.TRIES + (fault == "500")


@pytest.mark.parametrize("usage", [None, {}, {"completion_tokens": -3}, {"completion_tokens": 10**30}, [1], "x"])
def test_a_count_of_tokens_that_cannot_be_is_not_believed(settings, usage):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["1+1"], usage=usage)), (200, well([""], end="length", usage=usage))]
        assert [completed(engine, [ASKED])[0].num_tokens for _ in range(2)] == [4, 1]


def test_what_only_another_request_could_mend_stops_at_once_and_names_no_key(settings, monkeypatch):
    monkeypatch.setenv("SELFPLAY_TEST_KEY", "sk-secret")
    keyed = settings.model_copy(update={"api_key_env": "SELFPLAY_TEST_KEY"})
    with open_engine(keyed, WEIGHTS) as engine:
        for status in (401, 404, 301):
            said = b"no such thing as sk-secret\x1b[2J" + b"x" * 154 + b"sk-secret" * 999
            Api.faults, Api.asked = [(status, said)], []
            with pytest.raises(Stopped, match=rf"HTTP {status}: 'no such thing as \*\*\*") as ended:
                completed(engine, [ASKED])
            assert len(Api.asked) == 1
            assert len(str(ended.value)) < 500
            assert str(ended.value).isprintable()
            assert "sk-" not in str(ended.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "9" * 5000}, 999_999_999.0),
        ({"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:49:49 GMT"}, 12.0),
        ({"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 2094 08:49:49 GMT"}, 3_155_760_012.0),
        ({"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1993 08:49:49 GMT"}, 0.0),
        ({"Retry-After": "Sun, 06 Nov 2094 08:49:49 GMT"}, None),
        ({"Retry-After": "soon", "Date": "now"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "\u00b2"}, None),
        ({}, None),
    ],
)
def test_a_server_says_when_to_come_back_by_seconds_or_by_its_own_clock(headers, seconds):
    assert retry_after(httpx.Headers({name: value.encode("latin-1") for name, value in headers.items()})) == seconds


def test_the_engine_waits_as_long_as_it_was_told_or_twice_as_long_each_time(settings, waits):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(429, b"", [("Retry-After", "7")]), (429, b""), (500, b"")]
        completed(engine, [ASKED])
    first, second, third = waits
    assert first == 7.0
    assert 1.0 <= second <= 3.0
    assert 2.0 <= third <= 6.0


def drip_for_ever(api):
    api.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        api.wfile.write(b" ")
        time.sleep(0.05)


def gush_for_ever(api):
    api.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n{"choices": [')
    while True:
        api.wfile.write(b"[]," * 10_000)


def headers_for_ever(api):
    api.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        api.wfile.write(b"X-Header: more\r\n" * 1000)


SQUEEZED = gzip.compress(b" " * 50_000_000)  # once: the server is in this process, whose memory is measured


def squeezed(api):
    """A few bytes that would be many: only a server that was asked for compression may send it."""
    api.answer(200, SQUEEZED, [("Content-Encoding", "gzip")])


def hang(api):
    time.sleep(30)


@pytest.mark.parametrize("fault", [drip_for_ever, gush_for_ever, headers_for_ever, squeezed, hang])
def test_an_answer_that_never_ends_is_bounded_in_time_and_memory(settings, fault):
    short = settings.model_copy(update={"timeout_seconds": 0.5})
    with open_engine(short, WEIGHTS) as engine:
        Api.faults = [fault] * openai.TRIES
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(Stopped, match="/v1/completions: "):
            completed(engine, [ASKED])
        took, (_, most) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert took < openai.TRIES * 2.0 + 5
    assert most < 60_000_000


def test_one_request_that_fails_for_good_does_not_wait_for_the_others(settings):
    settings = settings.model_copy(update={"concurrency": 8, "timeout_seconds": 60})
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [*[hang] * 7, (404, b"no such model")]
        began = time.monotonic()
        with pytest.raises(Stopped, match="no such model"):
            completed(engine, [Request(str(i), "1+1=", WARM, seed=i) for i in range(100)])
    assert time.monotonic() - began < 5
    assert len(Api.asked) <= 9


def test_requests_are_under_way_at_once_and_come_back_in_their_order(settings):
    settings = settings.model_copy(update={"concurrency": 16})
    met = threading.Barrier(16)

    def together(api):
        met.wait(4)
        api.answer(200, well([Api.asked[-1]["prompt"]]))

    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [together] * 16
        counted = []
        completions = completed(engine, [Request(str(i), "1=", WARM, seed=i) for i in range(40)], counted.append)
    assert [c.request_id for c in completions] == [str(i) for i in range(40)]
    assert sum(counted) == 40


def test_nobody_at_the_url_is_one_line(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    gone = settings.model_copy(update={"url": url})
    with pytest.raises(Stopped, match=r"/v1/models: ConnectError.*then run again$"), open_engine(gone, WEIGHTS):
        pass
