"""An engine server that dies, hangs, answers 429, 500 or half a JSON, in the middle of a run."""

import pytest

from .completions import Engine, cut_off, go_away_for_a_while, hang, hang_up, never_end
from .faults import assert_stopped, rows

BY_SERVER = {"engine__batch_rows": None, "engine__kind": "openai", "engine__concurrency": 4}


@pytest.fixture
def engine(request):
    """A completion server for the weights of a store."""

    def serve(*arguments, **options):
        server = Engine(*arguments, **options)
        request.addfinalizer(server.server_close)
        request.addfinalizer(server.shutdown)
        return server

    return serve


@pytest.fixture(scope="module")
def by_server(tmp_path_factory, quickstart, written_recipe):
    """The small recipe, played through a server at this URL."""

    def write(url, **changes):
        folder = tmp_path_factory.mktemp("recipe")
        return written_recipe(folder, quickstart, "small", **BY_SERVER, engine__url=url,
                              **{"engine__timeout_seconds": 20, **changes})  # fmt: skip

    return write


PASSING = {
    2: (429, {}),
    5: (500, b"<html>oops</html>"),
    6: (500, {}),
    9: (200, b'{"choices": ['),
    12: cut_off,
    18: hang_up,
    21: never_end,
    24: hang,
    40: (503, b""),
    45: (200, {"choices": [], "usage": {}}),
    70: go_away_for_a_while,
}


@pytest.mark.slow
def test_a_round_through_a_server_with_passing_faults_has_the_rows_of_one_without(
    tmp_path, engine, by_server, played
):
    steady, shaky = tmp_path / "steady", tmp_path / "shaky"
    code, _, errors = played(by_server(engine(steady).url), steady)
    assert (code, errors) == (0, "")
    server = engine(shaky, PASSING)
    code, _, errors = played(by_server(server.url, engine__timeout_seconds=3), shaky)
    assert (code, errors) == (0, "")
    assert server.asked >= max(PASSING)
    assert rows(shaky) == rows(steady)


LASTING = {
    "500": ((500, b"out of order"), "HTTP 500"),
    "429": ((429, b""), "HTTP 429"),
    "too long a prompt": ((400, b"maximum context length"), "HTTP 400.*maximum context length"),
    "wrong shape": ((200, {"choices": {}}), "no list of choices"),
    "never ends": (never_end, "bytes"),
    "hangs": (hang, r"no answer in 1 s \(engine.timeout_seconds\)"),
    "hangs up": (hang_up, "RemoteProtocolError"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", LASTING)
def test_a_server_that_fails_for_good_in_the_middle_stops_the_run_and_a_rerun_goes_on(
    tmp_path, engine, by_server, played, fault
):
    answer, words = LASTING[fault]
    store = tmp_path / "store"
    server = engine(store, {45: None}, last=answer)
    recipe = by_server(server.url, engine__timeout_seconds=1)
    assert_stopped(played(recipe, store), store, rf"/v1/completions: .*{words}.*run again\n")
    server.last = None
    assert played(recipe, store)[0] == 0


@pytest.mark.slow
def test_nobody_at_the_url_or_other_weights_stop_the_run_with_what_to_do(tmp_path, engine, by_server, played):
    server = engine(tmp_path / "elsewhere")
    assert_stopped(
        played(by_server(server.url), tmp_path / "a"), tmp_path / "a", "start it with: vllm serve .* run again"
    )
    recipe = by_server(server.url)
    server.shutdown()
    server.server_close()
    assert_stopped(played(recipe, tmp_path / "b"), tmp_path / "b", "ConnectError.* run again")
