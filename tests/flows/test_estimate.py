"""`selfplay plan --estimate` where no round was played: by a probe, or by the recipe's bounds alone."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flows import main, probe
from flows.estimate import estimate
from flows.plan import plan_round
from flows.preflight import preflight
from flows.probe import _stepping
from tasks.store.lineage import open_lineage

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "deployments/models/tiny"
NOBODY = {"kind": "openai", "url": "http://127.0.0.1:9/v1", "concurrency": 2, "timeout_seconds": 1}


@pytest.fixture
def estimated(tmp_path, write_recipe):
    """The estimate of a first round, and what was said before it."""

    def run(**changes):
        ready = preflight(write_recipe(**changes), tmp_path / "store")
        lineage, said = open_lineage(ready.store, "small"), []
        return estimate(ready, lineage, plan_round(ready, lineage), said.append), said

    return run


@pytest.fixture
def once(monkeypatch):
    """A server that is not there is asked once."""
    monkeypatch.setattr("tasks.engines.openai.TRIES", 1)


def by_stage(found):
    return {stage.stage: stage for stage in found.stages}


def test_a_probe_stands_for_rounds_that_were_not_played_and_leaves_nothing_behind(estimated, tmp_path):
    found, said = estimated(solve__num_samples=4)
    assert found.rests_on == "a short probe"
    assert said == [
        "a short probe, since no round was played yet: a batch of proposals and attempts, a few optimiser steps, "
        "in a folder of its own"
    ]
    assert found.why_no_error == "no round was played yet"
    stages = by_stage(found)
    attempts = (40 + 40) * 4
    assert attempts * 10 < stages["solve"].tokens < attempts * 56, "of 56 at most"
    assert stages["train"].trained_tokens > 4 * 64 * 20
    for name in ("propose", "solve", "train", "evaluate.candidate"):
        assert stages[name].seconds > 0
        assert stages[name].generation_flops + stages[name].training_flops > 0
        assert stages[name].memory_bytes > 4 * 95_744
    assert stages["judge"].seconds is None, "it plays only what loads weights"
    assert stages["evaluate.champion"].reused
    assert (stages["evaluate.champion"].tokens, stages["evaluate.champion"].storage_bytes) == (0, 0)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("method", ["dpo", "policy"])
def test_a_probe_takes_steps_of_the_recipes_own_kind(estimated, method):
    sizes = {"steps": 5, "batch_size": 8, "rows_at_once": 4, "learning_rate": 1e-5, "schedule": "constant"}
    sizes["max_length"] = 128
    dpo = sizes | {"beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0]}
    policy = sizes | {"waves": 2, "advantage": "leave_one_out", "filter": "before", "clip_low": 0.2}
    policy |= {"clip_high": 0.2, "reduction": "token"}
    changes = {"train": {"methods": [method], method: {"dpo": dpo, "policy": policy}[method]}}
    if method == "policy":
        changes |= {"method": "serl_online", "build": None, "validation__min_policy_rows": 1}
        changes |= {"validation__min_sft_examples": None, "validation__min_preference_pairs": None}
    stages = by_stage(estimated(**changes)[0])
    trained = stages["train" if method == "dpo" else "train.wave-2"]
    assert trained.seconds > 0
    sequences = 40 * (2 if method == "dpo" else 1)
    assert 10 * sequences < trained.trained_tokens < 128 * sequences
    if method == "policy":
        assert stages["solve.wave-1"].tokens == stages["solve.wave-2"].tokens
        assert stages["advantage.wave-2"].training_flops > 0


def test_without_a_server_the_recipes_bounds_stand_and_say_so(estimated, once):
    found, said = estimated(engine=NOBODY, solve__num_samples=4)
    assert found.at_most
    assert "no probe: http://127.0.0.1:9/v1/models: " in said[1]
    stages = by_stage(found)
    assert stages["propose"].tokens == 4 * 32 * 48
    assert stages["solve"].tokens == (40 + 40) * 4 * 56
    assert stages["evaluate.base"].tokens == (200 + 20 * 2) * 56
    assert stages["train"].trained_tokens == 4 * 64 * 128
    assert stages["train"].storage_bytes == (TINY / "model.safetensors").stat().st_size
    assert {stage.seconds for stage in found.stages if not stage.reused} == {None}
    assert stages["solve"].memory_bytes is None, "it is the server's"


def test_a_model_too_large_for_a_short_probe_is_not_probed(estimated, monkeypatch):
    monkeypatch.setattr(probe, "CPU_FLOPS", 1e6)
    monkeypatch.setattr(probe, "GPU_FLOPS", 1e6)
    found, said = estimated()
    assert found.at_most
    assert said[1].endswith("FLOPs are too many for a short probe on this machine")


def test_steps_are_told_from_what_comes_before_and_between_them():
    sft = [(0, 10.0), (1, 15.0), (2, 16.0), (3, 17.0)]
    dpo = [(3, 90.0), (4, 93.0), (5, 95.0), (6, 97.0)]
    assert _stepping(sft) == 3.0
    assert _stepping(sft + dpo) == 3.0 + 6.0
    assert _stepping([]) == 0


def test_a_model_that_cannot_be_read_is_bad_input(tmp_path, write_recipe, monkeypatch, capsys):
    model = shutil.copytree(TINY, tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"torn")
    recipe = write_recipe(model__path=str(model))
    monkeypatch.setattr(sys, "argv", ["selfplay", "plan", str(recipe), "--estimate", "--store", str(tmp_path / "s")])
    line, code = main._ended()
    assert code == 2
    assert line.startswith(f"{model}/model.safetensors: not a safetensors file: ")
    assert capsys.readouterr().out == ""


def test_it_is_shown_as_a_table(estimated, once, capsys):
    from rich.console import Console

    from flows.lines.estimate import print_estimate, total

    found, _ = estimated(engine=NOBODY)
    found = replace(found, stages=[replace(stage, seconds=150.0) for stage in found.stages])
    print_estimate(Console(width=120), found, 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("next: small/1, on ")
    assert lines[1] == "model: 95,744 parameters, llama, 2 layers x 64, 385.0 kB on the disk"
    every = total(found.stages)
    (sum_line,) = [line for line in lines if line.startswith("a round ")]
    assert f"{every.tokens:,}" in sum_line
    assert any(line.startswith(f"3 rounds a run, all like it: {3 * every.tokens:,} tokens") for line in lines)
    assert all(len(line) <= 120 for line in lines)


def test_it_imports_no_prefect():
    code = (
        "import sys, flows.cli, flows.plan, flows.estimate, flows.lines.estimate\n"
        "assert not {'prefect', 'trl', 'great_expectations'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_a_loss_by_the_bases_own_answers_has_them_estimated(estimated):
    rspo = {
        "steps": 2, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-4, "schedule": "constant",
        "max_length": 64, "beta": 0.1, "win_rates": "pool", "regularizer": "base_samples", "weight": 0.1,
    }  # fmt: skip
    found, _ = estimated(train__methods=["rspo"], train__sft=None, train__rspo=rspo)
    asked = by_stage(found)["ask_base"]
    assert 0 < asked.tokens <= 40 * 56
    assert asked.generation_flops > 0
    assert by_stage(found)["train"].trained_tokens > 0
