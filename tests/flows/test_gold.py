"""Rounds that train on shares of gold and of rows of before."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from flows.cli import app
from flows.console import Console
from flows.run import run_recipe
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage

from .damaging import rewrite
from .faults import ROOT
from .shipped import rows_of

CHANGES = {
    "data__gold": {
        "path": str(ROOT / "deployments/data/sums/gold.jsonl"), "question": "question", "solution": "solution",
        "sample": 200,
    },
    "build__gold_share": 0.6, "build__replay_share": 0.1,
    "train__sft__weight": "agreement",
    "train__sft__steps": 50, "train__sft__learning_rate": 5e-4, "gate__level": 0.999,
    "validation__min_vote_precision": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def golden(tmp_path_factory, quickstart, written_recipe):
    """A promoted round and the one after it: the base is shaken, so that any training mends it."""
    folder = tmp_path_factory.mktemp("gold")
    changes = CHANGES | {"model__path": str(shaken(Path(quickstart["model"]["path"]), folder / "shaken"))}
    run_recipe(written_recipe(folder, quickstart, "small", **changes), folder / "store", 2, Console(to_stderr=True))
    lineage = open_lineage(folder / "store", "small")
    assert lineage.manifests[0].decision == "promoted", lineage.manifests[0].reason
    return lineage


def shaken(model, folder):
    shutil.copytree(model, folder)
    weights, noise = load_file(folder / "model.safetensors"), np.random.default_rng(1)
    moved = {name: w + noise.normal(0, 0.009, w.shape).astype(w.dtype) for name, w in weights.items()}
    save_file(moved, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_nobody_votes_on_gold_questions_and_the_bands_are_the_rounds_own(golden):
    for m in golden.manifests:
        gold = {row["id"] for row in rows_of(golden, m, "inputs/gold")}
        for table in ("answers", "verdicts", "selections"):
            assert not gold & {row["question_id"] for row in rows_of(golden, m, table)}


def test_gold_and_the_rows_of_promoted_rounds_have_their_shares(golden):
    first, second = golden.manifests
    for m, replayed in ((first, 0.0), (second, 0.1)):
        rows = rows_of(golden, m, "sft_examples")
        own = {row["id"] for row in rows_of(golden, m, "questions")}
        from_gold = sum(row["attempt_id"] is None for row in rows)
        again = sum(row["attempt_id"] is not None and row["question_id"] not in own for row in rows)
        assert from_gold / len(rows) == pytest.approx(0.6, abs=1 / len(rows))
        assert again / len(rows) == pytest.approx(replayed, abs=1 / len(rows))


def test_gold_and_replayed_rows_lead_back_and_forth(golden):
    second = golden.manifests[1]
    rows = rows_of(golden, second, "sft_examples")
    own = {row["id"] for row in rows_of(golden, second, "questions")}
    gold = next(row for row in rows if row["attempt_id"] is None)
    story = explain(golden, gold["id"])
    (brought,) = story.tables["inputs/gold"]
    assert brought["source"]["key"] == "data.gold"
    assert brought["row"]["completion"] == gold["completion"]
    assert gold["id"] in [e["row"]["id"] for e in story.tables["sft_examples"] if e["trained"]]
    again = next(row for row in rows if row["attempt_id"] and row["question_id"] not in own)
    story = explain(golden, again["id"])
    assert story.tables["verdicts"] and story.tables["proposals"]
    (row,) = [e for e in story.tables["sft_examples"] if e["row"]["id"] == again["id"]]
    assert [trained["round"] for trained in row["trained"]] == ["small/2"]
    forward = {made["round"]: made["made"] for made in follow(golden, again["question_id"]).rounds}
    assert again["id"] in forward["small/2"]["sft_examples"]
    forward = {made["round"]: made["made"] for made in follow(golden, gold["question_id"]).rounds}
    assert gold["id"] in forward["small/2"]["sft_examples"]
    for row_id in (gold["id"], again["id"]):
        result = CliRunner().invoke(app, ["why", row_id, "--store", str(golden.store)])
        assert result.exit_code == 0, result.output
        assert "sft" in result.output


def test_an_audit_finds_nothing_and_a_round_can_be_reported(golden, tmp_path):
    assert examine_store(golden.store).damage == ()
    result = CliRunner().invoke(
        app, ["report", "-o", str(tmp_path / "pages"), "--store", str(golden.store), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["page"]


def test_a_gold_row_that_repeats_a_sealed_benchmark_is_found(golden, tmp_path):
    shutil.copytree(golden.store, tmp_path / "store")
    sealed = next(row for row in rows_of(golden, golden.manifests[1], "inputs/benchmark_items") if row["sealed"])

    def leak(rows):
        texts = [sealed["question"], *rows["question"].to_pylist()[1:]]
        return rows.set_column(rows.schema.names.index("question"), rows.schema.field("question"), [texts])

    rewrite(tmp_path / "store", "inputs/gold", leak, number=2)
    found = [d.found for d in examine_store(tmp_path / "store").damage if "repeats a benchmark" in d.expected]
    assert any(f"exact of {sealed['id']}" in line for line in found), found
