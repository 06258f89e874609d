"""Runs of the command in processes of their own, and one Prefect server for those that are to be seen on it."""

import os
import subprocess
import sys

import pytest

from flows import main, services

from .faults import ROOT, SELFPLAY
from .serving import serving_prefect

QUICKSTARTS = {  # its own sizes, which gain
    "propose__target": 800,
    "propose__prompts_per_wave": 256,
    "solve__num_samples": 8,
    "train__sft__steps": 200,
}
FEWER = QUICKSTARTS | {"propose__target": 400, "train__sft__steps": 60}  # a gain, though a small one


@pytest.fixture(scope="session")
def prefect_url(tmp_path_factory):
    """One real server for the tests that look at what it was told."""
    with serving_prefect(tmp_path_factory.mktemp("prefect")) as (url, _):
        yield url


@pytest.fixture
def prefect_server(prefect_url, monkeypatch):
    """Flows of this test find it as a user's runs find theirs; Prefect itself read the environment long ago."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    with temporary_settings({PREFECT_API_URL: prefect_url}):
        yield prefect_url


@pytest.fixture
def services_home(tmp_path, monkeypatch):
    """A PREFECT_HOME for this test; whatever `up` starts ends with it."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    yield tmp_path / "home"
    services.down(print)


@pytest.fixture
def started():
    """Start `selfplay run`; what is left of it at the end is ended."""
    processes = []

    def start(recipe, store, **options):
        environment = os.environ | options.pop("env", {})
        command = [*SELFPLAY, "run", str(recipe), "--store", str(store)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()


@pytest.fixture
def played(started):
    """Run to the end; exit code, standard output, standard error."""

    def play(recipe, store, timeout=300, **options):
        process = started(recipe, store, **options)
        output, errors = process.communicate(timeout=timeout)
        return process.returncode, output, errors

    return play


@pytest.fixture
def typed(monkeypatch, capsys):
    """A command in this process: exit code, standard output, and the line that it ends with."""

    def end(*arguments):
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, arguments)])
        line, code = main._ended()
        return code, capsys.readouterr().out, line

    return end
