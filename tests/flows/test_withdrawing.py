"""Taking rounds back and restoring them, by the commands; the next run starts from the right champion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.console import Console
from flows.run import run_recipe
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.lock import hold

from .conftest import QUICKSTARTS

ROOT = Path(__file__).resolve().parents[2]


def selfplay(store, *arguments):
    command = [sys.executable, "-c", "from flows.main import main; main()", *map(str, arguments)]
    ended = subprocess.run(
        [*command, "--store", str(store)], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def promoted(rounds):
    """Two promoted rounds, the second from the first, and one held."""
    rounds.publish("promoted")
    rounds.publish("promoted", parent="small/1", built_on=[1])
    rounds.publish("held", parent="small/2", built_on=[1, 2])
    return rounds


def test_a_withdrawal_lists_what_descends_from_the_round_and_the_champion_that_is_left(promoted):
    before = {p: p.read_bytes() for p in promoted.store.rglob("*") if p.is_file()}
    code, said, _ = selfplay(promoted.store, "withdraw", "small/2", "--reason", "a bad prompt")
    weights = [m.candidate.digest[:16] for m in promoted.lineage.manifests]
    assert code == 0
    assert [" ".join(line.split()) for line in said.splitlines()] == [
        f"withdrawn small/2 weights {weights[1]}... record 1: a bad prompt",
        f"withdrawn small/3 weights {weights[2]}... its champion came from small/2",
        "champion: small/1; the next round starts from it",
    ]
    (record,) = promoted.lineage.records
    assert (record.kind, record.rounds) == ("withdraw", (2, 3))
    assert [digest[:16] for digest in record.checkpoints] == weights[1:]
    assert {p: p.read_bytes() for p in before} == before, "a record is added, nothing is edited"
    code, listed, _ = selfplay(promoted.store, "log", "--json")
    assert [entry["decision"] for entry in json.loads(listed)] == ["promoted", "withdrawn", "withdrawn"]


def test_restoring_undoes_it_by_another_record(promoted):
    selfplay(promoted.store, "withdraw", "1", "--reason", "a bad prompt")
    assert promoted.lineage.champion_round is None
    code, said, _ = selfplay(promoted.store, "restore", "1", "--reason", "it was fine", "--json")
    told = json.loads(said)
    assert (code, told["champion"], told["record"]) == (0, "small/2", 2)
    assert [entry["decision"] for entry in told["rounds"]] == ["promoted", "promoted", "held"]
    assert [record.kind for record in promoted.lineage.records] == ["withdraw", "restore"]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (("withdraw", "1", "--reason", "again"), "small/1: withdrawn already, by record 1 (bad)"),
        (
            ("restore", "2", "--reason", "x"),
            "nothing to restore: it was not withdrawn itself; it descends from small/1",
        ),
        (("withdraw", "9", "--reason", "x"), "; its lineage has small/1, small/2, small/3"),
        (("withdraw", "1"), "Missing option '--reason'"),
        (("withdraw", "2", "--reason", " "), "--reason: say why"),
        (("withdraw", "2", "--reason", "a\x1b[2Jb"), "--reason: one line of printable text"),
        (("restore", "../small/1", "--reason", "x"), "expected a round such as quickstart/3"),
    ],
)
def test_what_cannot_be_withdrawn_or_restored_is_one_line_and_adds_no_record(promoted, asked, line):
    assert selfplay(promoted.store, "withdraw", "1", "--reason", "bad")[0] == 0
    code, _, said = selfplay(promoted.store, *asked)
    assert (code, said.count("\n")) == (2, 1)
    assert line in said
    assert len(promoted.lineage.records) == 1


def test_a_round_that_nobody_withdrew_cannot_be_restored(promoted):
    code, _, said = selfplay(promoted.store, "restore", "3", "--reason", "x")
    assert (code, "nothing to restore: it was not withdrawn itself; it is held" in said) == (2, True)


@pytest.mark.slow
def test_nothing_is_taken_back_beside_a_run(promoted):
    with hold(promoted.lineage.folder, "run"):
        code, _, said = selfplay(promoted.store, "withdraw", "1", "--reason", "x")
    assert (code, said.count("\n"), promoted.lineage.records) == (3, 1, ())


def test_the_champion_is_the_base_once_all_that_was_promoted_is_withdrawn(promoted):
    code, said, _ = selfplay(promoted.store, "withdraw", "1", "--reason", "x")
    assert (code, said.splitlines()[-1]) == (0, "champion: the base model; the next round starts from it")
    lineage = promoted.lineage
    assert (lineage.champion(promoted.base), lineage.champion_round) == (promoted.base, None)
    assert lineage.held_since_champion == [], "nor are its rows trained on"


@pytest.mark.slow
def test_the_next_run_starts_from_the_base_once_all_that_was_promoted_is_withdrawn(
    tmp_path, quickstart, write_recipe
):
    store, console = tmp_path / "store", Console(to_stderr=True)
    same = {
        "benchmarks": [benchmark | {"sample": 2000} for benchmark in quickstart["benchmarks"]],
        "evaluate__num_samples": 0,
    }
    (first,) = run_recipe(write_recipe(**same, **QUICKSTARTS), store, 1, console)
    assert first.decision == "promoted"
    assert selfplay(store, "withdraw", "1", "--reason", "x")[0] == 0
    (second,) = run_recipe(write_recipe(**same), store, 1, console)
    assert (second.round, second.champion, second.parent, second.built_on) == (2, first.base, None, [])


@pytest.mark.slow
def test_of_two_promoted_rounds_the_first_is_withdrawn_and_nothing_of_either_serves_the_next(
    tmp_path, quickstart, write_recipe
):
    store, console = tmp_path / "store", Console(to_stderr=True)
    same = {  # a gain of four points shows on so many items
        "benchmarks": [benchmark | {"sample": 2000} for benchmark in quickstart["benchmarks"]],
        "evaluate__num_samples": 0,
        "gate__level": 0.5,
    }
    path = write_recipe(**same, **QUICKSTARTS)
    first, second = run_recipe(path, store, 2, console)
    assert [first.decision, second.decision] == ["promoted", "promoted"]
    assert (second.parent, second.built_on) == ("small/1", [1])
    assert selfplay(store, "withdraw", "small/1", "--reason", "a bad prompt")[0] == 0
    (third,) = run_recipe(write_recipe(**same), store, 1, console)
    assert (third.champion, third.parent, third.built_on) == (third.base, None, [])
    shown = {row for ref in third.tables["proposals"] for row in fewshots(store, ref)}
    assert shown
    assert all(row.startswith("seeds-") for row in shown), "no few-shot of a withdrawn round"
    assert third.trained_on["sft"] == sum(ref.rows for ref in third.tables["sft_examples"]), "nor a row to train on"
    assert examine_store(store).damage == ()
    assert selfplay(store, "restore", "small/1", "--reason", "it was fine")[0] == 0
    lineage = open_lineage(store, "small")
    champion = third if third.decision == "promoted" else second
    assert lineage.champion_round.round == champion.round
    assert examine_store(store).damage == ()


def fewshots(store, ref):
    import pyarrow.parquet as pq

    for name in ref.files:
        for shown in pq.read_table(store / "small" / ref.path / name, partitioning=None)["shown_ids"].to_pylist():
            yield from shown
