"""Approving, dropping weights and removing garbage, by the commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.console import Console
from flows.run import run_recipe
from tasks.store.lineage import open_lineage
from tasks.store.lock import hold

from .conftest import FEWER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def selfplay(rounds):
    def run(*arguments):
        command = [sys.executable, "-c", "from flows.main import main; main()", *map(str, arguments)]
        ended = subprocess.run(
            [*command, "--store", str(rounds.store)],
            cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr

    return run


def test_a_round_that_awaits_approval_is_promoted_by_a_record(rounds, selfplay):
    held = rounds.publish("held", awaiting=True)
    code, said, _ = selfplay("approve", "small/1", "--reason", "read 20 rows")
    assert (code, said) == (0, "small/1 is promoted, by record 1 of its lineage; the next round starts from it\n")
    assert rounds.lineage.champion(rounds.base) == held.candidate
    assert rounds.lineage.records[0].reason == "read 20 rows"
    code, listed, _ = selfplay("log", "--json")
    assert (code, json.loads(listed)[0]["decision"]) == (0, "promoted")


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("small/1", "small/1: nothing to approve: it was promoted (as told)"),
        ("small/2", "small/2: nothing to approve: it was held (as told)"),
        ("small/3", "small/3: nothing to approve: the champion it was compared with is no longer champion (as told)"),
        ("small/9", "; its lineage has small/1, small/2, small/3, small/4"),
        ("other/1", "other/1: no published round of this name in"),
        ("small", "small: expected a round such as quickstart/3"),
        ("../small/1", "expected a round such as quickstart/3"),
    ],
)
def test_only_a_better_candidate_of_the_present_champion_can_be_approved(rounds, selfplay, asked, line):
    rounds.publish("promoted")
    rounds.publish("held")
    rounds.publish("held", awaiting=True)
    rounds.publish("promoted")
    code, _, said = selfplay("approve", asked)
    assert (code, said.count("\n")) == (2, 1)
    assert line in said
    assert rounds.lineage.records == ()


@pytest.mark.slow
def test_gc_says_what_would_go_and_removes_it_when_told_and_never_beside_a_run(rounds, selfplay):
    rounds.publish("promoted")
    orphan = rounds.weights("orphan")
    folder = rounds.store / "objects" / orphan.digest
    code, said, _ = selfplay("gc")
    assert (code, "nothing to remove" in said) == (0, True), "it was touched a moment ago"
    code, said, _ = selfplay("gc", "--grace-days", "0")
    assert code == 0
    assert said.startswith(f"would go  objects/{orphan.digest[:16]}...")
    assert folder.exists()
    with hold(rounds.lineage.folder, "run"):
        code, _, line = selfplay("gc", "--grace-days", "0", "--remove")
        assert (code, line.count("\n")) == (3, 1)
        assert folder.exists()
    code, said, _ = selfplay("gc", "--grace-days", "0", "--remove", "--json")
    removed = json.loads(said)
    assert (code, removed["removed"], len(removed["garbage"])) == (0, True, 1)
    assert not folder.exists()


@pytest.mark.slow
def test_a_better_candidate_waits_for_approval_and_the_next_round_starts_from_it(tmp_path, quickstart, write_recipe):
    same = {"benchmarks": [benchmark | {"sample": 2000} for benchmark in quickstart["benchmarks"]]}
    path = write_recipe(gate__approval=True, gate__level=0.5, **same, **FEWER)
    (held,) = run_recipe(path, tmp_path / "store", 1, Console(to_stderr=True))
    assert (held.decision, held.gate.awaiting_approval) == ("held", True)
    assert held.reason.startswith("better, awaiting approval: +")
    command = [sys.executable, "-c", "from flows.main import main; main()", "approve", "small/1"]
    subprocess.run([*command, "--store", str(tmp_path / "store")], cwd=ROOT, check=True, timeout=60)
    without = write_recipe(gate__approval=False, gate__level=0.5, **same)
    (second,) = run_recipe(without, tmp_path / "store", 1, Console(to_stderr=True))
    assert second.champion == held.candidate
    assert second.parent == "small/1"
    assert open_lineage(tmp_path / "store", "small").manifests[0].decision == "promoted"
