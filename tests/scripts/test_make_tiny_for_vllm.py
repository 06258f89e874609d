"""The tiny model's twin with wide heads: the same function, before and after a training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "deployments/models/tiny"
TEXT = torch.tensor([[4, 14, 7, 15, 18, 4, 14, 7, 17, 11, 2]])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twin")
    script = [sys.executable, ROOT / "scripts/make_tiny_for_vllm.py", "--source", TINY, "--target", folder]
    subprocess.run(script, check=True)
    return folder


@pytest.fixture
def twin(made):
    return AutoModelForCausalLM.from_pretrained(made, dtype=torch.float32)


def test_the_twin_computes_what_the_tiny_model_computes(twin, made):
    tiny = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    assert json.loads((made / "config.json").read_text())["head_dim"] == 64
    with torch.inference_mode():
        torch.testing.assert_close(twin(TEXT).logits, tiny(TEXT).logits, rtol=1e-5, atol=1e-5)


def test_what_is_zero_in_the_twin_stays_so_under_training(twin):
    kept = {name: weight.detach().clone() for name, weight in twin.named_parameters() if "self_attn" in name}
    optimizer = torch.optim.AdamW(twin.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(5):
        twin(TEXT, labels=TEXT).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, weight in twin.named_parameters():
        if name in kept:
            assert not torch.equal(weight, kept[name])
            assert (weight == 0).sum() >= 0.74 * weight.numel()
            assert torch.equal(weight == 0, kept[name] == 0)
