"""Weights keep what training gave them."""

import json
import shutil

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

from schemas.losses import Sft
from schemas.training import Stop
from tasks.training.encoded import encoded
from tasks.training.sft import train_sft
from tasks.training.trainer import Phase
from tasks.training.weights import load_tokenizer

from ...conftest import TINY

ROWS = pa.table(
    {
        "prompt": [f"{n % 9 + 1}+{n % 7 + 1}+3+4=" for n in range(32)],
        "completion": [f"3+4=7\n#{n % 9 + n % 7 + 9}" for n in range(32)],
    }
)
SETTINGS = Sft(steps=6, batch_size=8, rows_at_once=8, learning_rate=5e-7, schedule="constant", warmup_steps=0,
               max_length=64, completion_only=False)  # fmt: skip


@pytest.fixture
def bases(tmp_path):
    """The same weights, written in bfloat16 and in float32."""
    rounded = {name: tensor.bfloat16() for name, tensor in load_file(TINY / "model.safetensors").items()}
    for kind in ("bfloat16", "float32"):
        folder = shutil.copytree(TINY, tmp_path / kind)
        kept = {name: tensor.to(getattr(torch, kind)) for name, tensor in rounded.items()}
        save_file(kept, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"dtype": kind}))
    return tmp_path / "bfloat16", tmp_path / "float32"


def after_rounds(base, work, rounds):
    """The weights after rounds of training, each from what the one before wrote."""
    for number in range(1, rounds + 1):
        phase = Phase(
            method="sft", source=base, work=work / str(number), begun=None, save_minutes=10, lora=None, stop=Stop(),
            seed=number, progress=lambda n: None,
        )  # fmt: skip
        rows = encoded(ROWS, load_tokenizer(base), ("completion",), SETTINGS.max_length).rows
        base = train_sft(phase, rows, SETTINGS) / "weights"
    return {name: tensor.double() for name, tensor in load_file(base / "model.safetensors").items()}


def test_a_bfloat16_base_keeps_a_small_update_over_three_rounds_as_a_float32_one_does(bases, tmp_path):
    begun = {name: tensor.double() for name, tensor in load_file(bases[1] / "model.safetensors").items()}
    got, wanted = (
        torch.cat([(tensor - begun[name]).flatten() for name, tensor in sorted(after_rounds(base, work, 3).items())])
        for base, work in zip(bases, (tmp_path / "a", tmp_path / "b"), strict=True)
    )
    assert wanted.abs().max() < 1e-4, "an update that bfloat16 could not hold"
    assert float(got @ wanted / (wanted @ wanted)) == pytest.approx(1, abs=0.01)
