"""Whole rounds on real text with a real model of 135M parameters (make smollm2 fetches it)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.text, pytest.mark.timeout(2400)]


def played(recipe, tmp_path):
    command = [
        sys.executable,
        "-c",
        "from flows.main import main; main()",
        "run",
        f"deployments/recipes/{recipe}.toml",
    ]
    ended = subprocess.run(
        [*command, "--store", str(tmp_path / "store"), "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return ended.returncode, json.loads(ended.stdout)[0]


def test_a_text_task_goes_through_train_evaluate_and_gate(tmp_path):
    code, entry = played("smollm2_topics", tmp_path)
    assert (code, entry["decision"] in ("promoted", "held")) == (0, True)
    assert entry["figures"]["vote"]["precision"]["accuracy"] > 0.5
    assert entry["rows"]["train_steps"] == 16
    scores = entry["scores"]["math500-fields"]
    assert scores["base"]["n"] == scores["candidate"]["n"] == 179
    assert entry["gate"]["n"] == 179


def test_a_round_on_real_mathematics_ends_in_an_honest_decision(tmp_path):
    code, entry = played("smollm2_math", tmp_path)
    assert entry["decision"] in ("promoted", "held", "failed")
    assert code == (1 if entry["decision"] == "failed" else 0)
    assert entry["rows"]["questions"] > 20
    assert entry["rows"]["attempts"] == (entry["rows"]["questions"] + 100) * 4
    assert entry["rows"]["probe_verdicts"] == 100
    assert entry["reason"]
    solved, judged = (record(tmp_path, stage) for stage in ("solve", "vote"))
    beside = solved["figures"]["beside"]
    assert beside["waited_seconds"] < 0.2 * beside["seconds"], "votes run while the model still generates"
    assert judged["seconds"] < 0.5 * beside["seconds"], "their checks are not made again"


def record(tmp_path, stage):
    (path,) = tmp_path.glob(f"store/smollm2_math/round-0001/stages/{stage}-*.json")
    return json.loads(path.read_text())
