"""What `up` and `down` decide, without a server: the state file, what is ours, what is refused."""

import io
import socket
import subprocess
import sys

import psutil
import pytest

from flows import services
from flows.processes import Started, living, start
from flows.register import check_webhook
from flows.secret import kept_secret, webhook_url
from flows.services import State, down, up
from schemas.errors import BadInput, Locked, Stopped


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    return tmp_path / "services"


def written(home, **roles):
    home.mkdir(parents=True, exist_ok=True)
    state = State(token="t", port=4567, **roles)
    (home / "state.json").write_text(state.model_dump_json())
    kept_secret(home / "secret")
    return state


def sleeper(home, mark):
    import os

    home.mkdir(parents=True, exist_ok=True)
    return start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ, mark, home / "log")


def test_down_ends_what_is_written_down_and_what_was_started_but_not_written_down(home):
    server, worker, unwritten = (sleeper(home, mark) for mark in ("server-t", "worker-t", "worker-t"))
    others = sleeper(home, "server-of another up")
    written(home, server=server, worker=worker)
    said = []
    down(said.append)
    for started, mark in ((server, "server-t"), (worker, "worker-t"), (unwritten, "worker-t")):
        assert living(started, mark) is None
    assert living(others, "server-of another up")
    psutil.Process(others.pid).kill()
    assert said == [f"server  ended (pid {server.pid})", f"worker  ended (pid {worker.pid})"]
    assert not (home / "state.json").exists()
    down(said.append)
    assert said[-1] == "nothing is up"


def test_down_leaves_the_new_owner_of_a_pid_alone_and_says_what_was_dead(home):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    created = psutil.Process(stranger.pid).create_time()
    written(
        home,
        server=Started(pid=stranger.pid, created=created - 1000),
        worker=Started(pid=stranger.pid, created=created),
    )
    said = []
    down(said.append)
    assert stranger.poll() is None
    assert said == ["server  was not running", "worker  was not running"]
    stranger.kill()
    stranger.wait()


def test_a_port_that_is_taken_is_refused_and_nothing_is_started(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port} is taken by another program; choose one with --port"):
            up(port, None, None, lambda line: None)
    assert not (home / "state.json").exists()


def test_a_server_that_is_up_is_not_moved_to_another_port(home):
    server = sleeper(home, "server-t")
    written(home, server=server)
    with pytest.raises(BadInput, match=r"up already, at http://127.0.0.1:4567; selfplay down first"):
        up(4568, None, None, lambda line: None)
    assert living(server, "server-t")
    down(lambda line: None)


def test_a_server_that_was_started_without_a_secret_is_ended_and_starts_anew_with_one(home, monkeypatch):
    server = sleeper(home, "server-t")
    written(home, server=server)
    (home / "secret").unlink()
    monkeypatch.setattr(services.sys, "executable", "/bin/false")
    with pytest.raises(Stopped, match=r"did not start"):
        up(_free_port(), None, None, lambda line: None)
    assert living(server, "server-t") is None
    assert (home / "secret").exists()
    down(lambda line: None)


def test_a_secret_is_made_once_for_its_user_alone_and_refused_where_others_may_read_it(tmp_path):
    path = tmp_path / "secret"
    made = kept_secret(path)
    assert (made, path.stat().st_mode & 0o777) == (kept_secret(path), 0o600)
    assert len(made) > 40
    path.chmod(0o640)
    with pytest.raises(BadInput, match="others may read this secret; selfplay down, remove the file"):
        kept_secret(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(BadInput, match="others may read"):
        kept_secret(tmp_path / "link")
    (tmp_path / "empty").touch(0o600)
    with pytest.raises(BadInput, match="empty"):
        kept_secret(tmp_path / "empty")


def test_a_server_that_dies_at_once_is_one_line_with_its_log(home, monkeypatch):
    monkeypatch.setattr(services.sys, "executable", "/bin/false")
    with pytest.raises(Stopped, match=r"did not start; see .*server\.log"):
        up(_free_port(), None, None, lambda line: None)
    down(lambda line: None)


def test_two_at_a_time_are_refused(home):
    with services._alone(), pytest.raises(Locked, match="another `selfplay up` or `down` is at work"):
        down(lambda line: None)


@pytest.mark.parametrize("url", ["ftp://host/secret", "secret", "https://", "http:///secret"])
def test_a_webhook_that_is_no_address_is_refused_without_repeating_it(home, url):
    with pytest.raises(BadInput, match="the webhook: expected a URL") as refused:
        up(None, None, url, lambda line: None)
    assert "secret" not in str(refused.value)
    check_webhook("https://hooks.example.org/secret")


def test_a_webhook_is_taken_from_a_file_from_standard_input_or_the_environment(tmp_path, monkeypatch):
    url = "https://hooks.example.org/secret"
    (tmp_path / "url").write_text(f"{url}\n")
    assert webhook_url(str(tmp_path / "url")) == url
    monkeypatch.setattr(sys, "stdin", io.StringIO(url))
    assert webhook_url("-") == url
    assert webhook_url(None) is None
    monkeypatch.setenv("SELFPLAY_WEBHOOK_URL", url)
    assert webhook_url(None) == url


@pytest.mark.parametrize("name", ["https://hooks.example.org/secret", "gone", "empty", "bytes"])
def test_a_webhook_that_cannot_be_had_is_one_line_without_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="--webhook: ") as refused:
        webhook_url(name)
    assert "secret" not in str(refused.value)


def test_what_the_services_see_listens_on_loopback_and_holds_no_webhook(home, monkeypatch):
    monkeypatch.setenv("SELFPLAY_WEBHOOK_URL", "https://hooks.example.org/secret")
    written(home)
    environment = services._environment(State(token="t", port=4567))
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4567/api"
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert not [name for name, value in environment.items() if "hooks.example.org" in value]
    assert str(home) in environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://elsewhere"),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://elsewhere"),
        ("PREFECT_SERVER_DATABASE_PASSWORD", "p"),
        ("PREFECT_SERVER_API_BASE_PATH", "/prefect/api"),
        ("PREFECT_SERVER_API_AUTH_STRING", "a:b"),
        ("PREFECT_API_AUTH_STRING", "a:b"),
        ("PREFECT_API_KEY", "pnu_1"),
        ("PREFECT_PROFILE", "cloud"),
        ("PREFECT_PROFILES_PATH", "/home/me/profiles.toml"),
        ("PREFECT_FLOWS_DEFAULT_RETRIES", "3"),
        ("PREFECT__FLOW_RUN_ID", "1"),
    ],
)
def test_the_server_that_up_starts_takes_nothing_of_the_users_own_prefect(home, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    written(home)
    environment = services._environment(State(token="t", port=4567))
    assert value not in environment.get(name, "")
    assert environment["PREFECT_HOME"] == str(home / "prefect"), "profiles.toml would stand in the user's"
    assert environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{home}/selfplay.db"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
