"""Runs of the command in processes of their own, each with a Prefect server of its own."""

import os
import subprocess

import pytest

from .faults import ROOT, SELFPLAY

QUICKSTARTS = {  # its own sizes, which gain
    "propose__target": 800,
    "propose__prompts_per_wave": 256,
    "solve__num_samples": 8,
    "train__sft__steps": 200,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One PREFECT_HOME: the first start of a server migrates its database."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def started(home):
    """Start `selfplay run`, with a Prefect server of its own; what is left of it at the end is ended."""
    processes = []

    def start(recipe, store, **options):
        environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
        environment |= {"PREFECT_HOME": str(home), **options.pop("env", {})}
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
