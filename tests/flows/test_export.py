"""Rounds that were really played, exported by the command, and read by the libraries that others would use."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.console import Console
from flows.run import run_recipe
from tasks.figures import precisions
from tasks.store.lineage import open_lineage

ROOT = Path(__file__).resolve().parents[2]
EXPORT = [sys.executable, "-c", "from flows.main import main; main()", "export"]
PROTECTED = {"probe", "benchmark_items", "probe_verdicts", "evaluations"}


def export(*arguments):
    command = [*EXPORT, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def played(tmp_path_factory, quickstart, written_recipe):
    """A held round, one that trained on its rows too, and one that validation stopped."""
    folder = tmp_path_factory.mktemp("played")
    path = written_recipe(folder, quickstart, "small", gate__min_gain=0.9)
    run_recipe(path, folder / "store", 2, Console(to_stderr=True))
    path = written_recipe(folder, quickstart, "small", gate__min_gain=0.9, validation__min_sft_examples=100_000)
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return open_lineage(folder / "store", "small")


@pytest.fixture(scope="module")
def exported(played, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "second"
    ended = export("small/2", out, "--store", played.store, "--json")
    assert ended.returncode == 0, ended.stderr
    return out, json.loads(ended.stdout)


def published_rows(lineage, m, config):
    """The rows that the manifest names, by pyarrow alone."""
    (refs,) = (refs for name, refs in m.tables.items() if name.rsplit("/", 1)[-1] == config)
    parts = [lineage.folder / ref.path / file for ref in refs for file in ref.files]
    return sorted((row for part in parts for row in pq.read_table(part).to_pylist()), key=lambda row: row["id"])


def test_every_table_loads_as_a_configuration_with_the_rows_of_the_manifest(played, exported, tmp_path):
    from datasets import get_dataset_config_names, get_dataset_default_config_name, load_dataset

    out, told = exported
    m = played.manifests[1]
    filled = {name.rsplit("/", 1)[-1] for name, refs in m.tables.items() if sum(ref.rows for ref in refs)}
    assert set(get_dataset_config_names(str(out))) == filled == told["rows"].keys()
    assert {"sft_examples", "preference_pairs", "questions", "dropped", "seeds"} <= filled
    for config in filled:
        loaded = load_dataset(str(out), config, cache_dir=str(tmp_path))
        assert list(loaded) == ["test" if config in PROTECTED else "train"]
        (rows,) = loaded.values()
        assert sorted(rows, key=lambda row: row["id"]) == published_rows(played, m, config)
        assert len(rows) == told["rows"][config]
    assert get_dataset_default_config_name(str(out)) == told["default"] == "sft_examples"
    default = load_dataset(str(out), cache_dir=str(tmp_path), split="train")
    assert {"prompt", "completion"} <= set(default.column_names)
    assert set(default["id"]) == {row["id"] for row in published_rows(played, m, "sft_examples")}


def test_the_cards_hold_what_the_round_published(played, exported):
    from huggingface_hub import DatasetCard, ModelCard

    out, _ = exported
    m = played.manifests[1]
    dataset, model = DatasetCard.load(out / "README.md"), ModelCard.load(out / "model/README.md")
    assert (dataset.data.license, model.data.license) == ("unknown", "unknown")
    assert dataset.data.size_categories == ["1K<n<10K"]
    assert model.data.library_name == "transformers"
    score = m.scores["sums"]["candidate"]
    accuracy, mean, *more = model.data.eval_results
    assert (accuracy.dataset_name, accuracy.metric_type) == ("sums", "accuracy")
    assert accuracy.metric_value == pytest.approx(score.accuracy, abs=1e-4)
    assert mean.metric_value == pytest.approx(score.mean_at_k, abs=1e-4)
    assert [found.metric_name.split(",")[0] for found in (mean, *more)] == list(score.sampled)
    for reason, rows in m.dropped.items():
        assert f"| {reason.replace('_', chr(92) + '_')} | {rows:,} |" in dataset.text
    for text in (dataset.text, model.text):
        assert f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}], n = 200" in text
        assert f"| sums | greedy accuracy |{''.join(f' {name} |' for name in score.sampled)}\n|---|---|---|" in text
        precision = precisions(m)["vote"]
        assert f"{precision.accuracy:.1%} [{precision.low:.1%}, {precision.high:.1%}]" in text
        assert all(ref.digest in text for ref in (m.base, m.champion, m.candidate))
        assert played.round_folder(2).joinpath("recipe.toml").read_text().rstrip() in text
        assert "| base model | apache\\-2\\.0 |" in text
        assert "| data\\.probe | apache\\-2\\.0 | none |" in text
        assert "**Held:** its candidate did not pass the gate" in text
    assert f"- sft: {m.trained_on['sft']} rows" in model.text
    assert "Rows of small/1, small/2, from" in model.text, "the held round's rows were trained on again"


def test_the_model_loads_and_is_the_one_that_was_scored(played, exported):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out, _ = exported
    kept = played.checkpoint_folder(played.manifests[1].candidate)
    model = AutoModelForCausalLM.from_pretrained(out / "model")
    assert AutoTokenizer.from_pretrained(out / "model")("1+1=")["input_ids"]
    for name, weight in AutoModelForCausalLM.from_pretrained(kept).state_dict().items():
        assert torch.equal(weight, model.state_dict()[name])


def test_a_failed_round_is_exported_without_a_model(played, tmp_path):
    from datasets import load_dataset

    out = tmp_path / "failed"
    ended = export("small/3", out, "--store", played.store)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "small/3 (failed) lies in" in ended.stdout
    assert not (out / "model").exists()
    text = (out / "README.md").read_text()
    assert "**Failed:**" in text
    assert "min\\_sft\\_examples" in text or "expect\\_table\\_row\\_count" in text
    assert "None: the round ended before any was taken." in text
    rows = load_dataset(str(out), cache_dir=str(tmp_path / "cache"), split="train")
    assert len(rows) == sum(ref.rows for ref in played.manifests[2].tables["sft_examples"])


def test_a_bare_number_will_do_and_a_second_export_leaves_the_first(played, tmp_path):
    out = tmp_path / "out"
    assert export("1", out, "--store", played.store, "--data-only").returncode == 0
    assert not (out / "model").exists()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    ended = export("2", out, "--store", played.store)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"selfplay: {out}: not empty; give a new folder\n"
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    ended = export("2", "s3://bucket/out", "--store", played.store)
    assert (ended.returncode, "expected a folder of this machine" in ended.stderr) == (2, True)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_an_export_that_is_killed_leaves_no_folder(played, tmp_path, end):
    out = tmp_path / "out"
    command = [*EXPORT, "small/1", str(out), "--store", str(played.store)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (drafts := list(tmp_path.glob(".export-*/export"))) and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(end)
    assert running.wait(30) in (-end, 128 + end)
    assert drafts
    assert not out.exists()
    if end == signal.SIGTERM:
        assert list(tmp_path.iterdir()) == []


def test_export_imports_neither_prefect_nor_torch(played, tmp_path):
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['export', '1', {str(tmp_path / 'out')!r}, '--store', {str(played.store)!r}], standalone_mode=False)\n"
        "assert not {'prefect', 'torch', 'transformers', 'datasets', 'great_expectations'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
