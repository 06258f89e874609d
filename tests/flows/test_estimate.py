"""`selfplay plan --estimate` where no round was played: the recipe's bounds."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flows import main
from flows.estimate import estimate
from flows.plan import plan_round
from flows.preflight import preflight
from tasks.store.lineage import open_lineage

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "deployments/models/tiny"
NOBODY = {"kind": "openai", "url": "http://127.0.0.1:9/v1", "concurrency": 2, "timeout_seconds": 1}


@pytest.fixture
def estimated(tmp_path, write_recipe):
    """The estimate of a first round."""

    def run(**changes):
        ready = preflight(write_recipe(**changes), tmp_path / "store")
        lineage = open_lineage(ready.store, "small")
        return estimate(ready, lineage, plan_round(ready, lineage))

    return run


def by_stage(found):
    return {stage.stage: stage for stage in found.stages}


def test_before_the_first_round_the_recipes_bounds_stand_and_say_so(estimated, tmp_path):
    found = estimated(engine=NOBODY, solve__num_samples=4)
    assert (found.at_most, found.rests_on, found.errors) == (True, "the recipe's own bounds", {})
    stages = by_stage(found)
    assert stages["propose"].tokens == 4 * 32 * 48
    assert stages["solve"].tokens == (40 + 40) * 4 * 56
    assert stages["evaluate.base"].tokens == (200 + 20 * 2) * 56
    assert stages["train"].trained_tokens == 4 * 64 * 128
    assert stages["train"].storage_bytes == (TINY / "model.safetensors").stat().st_size + 4 * 500
    assert {stage.seconds for stage in found.stages if not stage.reused} == {None}
    assert stages["evaluate.champion"].reused, "it is evaluate.base's"
    assert stages["evaluate.champion"].tokens == stages["evaluate.champion"].storage_bytes == 0
    assert not (tmp_path / "store").exists()


def test_two_answers_a_row_are_trained_on_by_a_preference_loss_and_one_by_a_policy_gradient(estimated):
    sizes = {"steps": 5, "batch_size": 8, "rows_at_once": 4, "learning_rate": 1e-5, "schedule": "constant"}
    sizes["max_length"] = 128
    dpo = sizes | {"beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0]}
    found = estimated(train={"methods": ["dpo"], "dpo": dpo})
    assert by_stage(found)["train"].trained_tokens == 5 * 8 * 128 * 2
    policy = sizes | {"waves": 2, "advantage": "leave_one_out", "filter": "before", "clip_low": 0.2}
    policy |= {"clip_high": 0.2, "reduction": "token"}
    stages = by_stage(
        estimated(
            train={"methods": ["policy"], "policy": policy}, method="serl_online", build=None,
            validation__min_policy_rows=1, validation__min_sft_examples=None, validation__min_preference_pairs=None,
        )
    )  # fmt: skip
    assert stages["train.wave-2"].trained_tokens == 5 * 8 * 128
    assert stages["solve.wave-1"].tokens == stages["solve.wave-2"].tokens
    assert stages["advantage.wave-1"].storage_bytes > stages["vote.wave-1"].storage_bytes > 0


def test_adapters_need_less_room_to_resume_from(estimated):
    whole, adapters = estimated(), estimated(train__lora={"rank": 4, "alpha": 8})
    assert whole.resume_bytes == 24 * whole.parameters == 24 * 95_744
    assert 0 < adapters.resume_bytes < whole.resume_bytes


def test_a_model_that_cannot_be_read_is_bad_input(tmp_path, write_recipe, monkeypatch, capsys):
    model = shutil.copytree(TINY, tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"torn")
    recipe = write_recipe(model__path=str(model))
    monkeypatch.setattr(sys, "argv", ["selfplay", "plan", str(recipe), "--estimate", "--store", str(tmp_path / "s")])
    line, code = main._ended()
    assert code == 2
    assert line.startswith(f"{recipe}: model.path = '{model}': {model}/model.safetensors: not a safetensors file, ")
    assert capsys.readouterr().out == ""


def test_it_is_shown_as_a_table(estimated, capsys):
    from rich.console import Console

    from flows.lines.estimate import print_estimate, total

    found = estimated(engine=NOBODY)
    found = replace(found, stages=[replace(stage, seconds=150.0) for stage in found.stages])
    print_estimate(Console(width=120), found, 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("next: small/1, on ")
    assert lines[1] == "model: 95,744 parameters, 385.0 kB on the disk"
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
    found = estimated(train__methods=["rspo"], train__sft=None, train__rspo=rspo)
    assert by_stage(found)["ask_base"].tokens == 40 * 56
    assert by_stage(found)["train"].trained_tokens == 2 * 8 * 64 * 3
