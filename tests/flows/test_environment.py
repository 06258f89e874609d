"""What a process of ours finds in its environment, whatever the shell had there."""

import os
import subprocess
import sys

import pytest

from flows import environment
from flows.console import Console
from flows.lines.plain import typed
from schemas.errors import BadInput

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.fixture(autouse=True)
def kept():
    """Put back what `prepare` changes."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_this_machine_is_reached_through_no_proxy_and_the_users_own_exceptions_stay(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet, 127.0.0.1")
    monkeypatch.setenv("no_proxy", "other")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.1.1:4200/api")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://[::1")
    environment.prepare()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "other,intranet,127.0.0.1,localhost,::1,127.0.1.1"


def test_certificates_that_are_not_there_or_are_none_are_forgotten_and_good_ones_kept(monkeypatch, tmp_path):
    import certifi

    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    monkeypatch.setenv("AWS_CA_BUNDLE", certifi.where())
    environment.prepare()
    assert "SSL_CERT_FILE" not in os.environ and "REQUESTS_CA_BUNDLE" not in os.environ
    assert os.environ["AWS_CA_BUNDLE"] == certifi.where()


def test_a_missing_home_is_looked_up_or_named(monkeypatch):
    monkeypatch.setenv("HOME", "")
    environment.prepare()
    assert os.path.isabs(os.environ["HOME"]) and os.environ["HOME"] != "/"

    def nobody(user):
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(BadInput, match="HOME is not set, and this user has no home; set HOME to a folder"):
        environment.prepare()


@pytest.mark.parametrize("told", [{}, {"PYTHONIOENCODING": "ascii"}])
def test_a_locale_of_ascii_is_left_for_utf8_here_and_in_every_child(tmp_path, told):
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(environment.ROOT)!r})\n"
        "import locale, subprocess\n"
        "from flows.main import _read_utf8; _read_utf8()\n"
        "from flows.environment import prepare; prepare()\n"
        "print('你好', locale.getpreferredencoding(), sys.argv[1:], flush=True)\n"
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.flags.utf8_mode)'])\n",
        encoding="utf-8",
    )
    ran = subprocess.run(
        [sys.executable, str(program), "a é"], env=os.environ | ASCII | told, capture_output=True, timeout=60
    )
    assert ran.stdout.decode().splitlines() == ["你好 utf-8 ['a é']", "1"], ran.stderr.decode()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_escape_codes_gets_none_on_a_terminal_either(monkeypatch, name, value):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Console().rich.is_terminal
    monkeypatch.setenv(name, value)
    assert environment.is_plain() and not Console().rich.is_terminal


def test_a_command_to_type_next_can_be_pasted():
    assert typed("G10 a/store") == "'G10 a/store'" and typed("store") == "store" and typed("it's") == "'it'\"'\"'s'"
