"""Sizes against torch's own count of parameters and FLOPs, and against numbers worked out by hand."""

import json
import shutil
from pathlib import Path

import pytest

from schemas.errors import BadInput
from schemas.training import Lora
from tasks.estimate.model import size_of

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
LAYER = 4 * 64 * 64 + 3 * 64 * 160  # q, k, v, o; gate, up, down


@pytest.fixture
def tiny():
    return size_of(TINY)


@pytest.fixture(scope="module")
def loaded():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(TINY, attn_implementation="eager")


def flops(work):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def ids(rows, length):
    import torch

    return torch.ones((rows, length), dtype=torch.long)


def test_parameters_are_those_that_torch_counts(tiny, loaded):
    assert tiny.parameters == sum(p.numel() for p in loaded.parameters()) == 95_744
    assert tiny.body == 2 * LAYER
    assert (tiny.head, tiny.head_dim, tiny.num_key_value_heads) == (19 * 64, 16, 4)


def test_a_forward_pass_by_hand_and_as_torch_counts_it(tiny, loaded):
    by_hand = 3 * 40 * (2 * (2 * LAYER + 19 * 64) + 4 * 2 * 4 * 16 * 40)
    assert tiny.forward(3 * 40, 40) == by_hand
    assert flops(lambda: loaded(ids(3, 40))) == by_hand, "torch counts the masked half of attention too"


def test_a_training_step_is_three_forward_passes_and_torch_counts_the_same(tiny, loaded):
    counted = flops(lambda: loaded(ids(3, 40), labels=ids(3, 40)).loss.backward())
    # nothing goes back through the embedding; our contexts are the causal half
    assert tiny.training(120, 80, None, recomputed=False) == pytest.approx(counted, rel=0.01)
    assert tiny.training(120, 80, None, recomputed=True) == 4 * tiny.forward(120, 40)


def test_adapters_are_counted_as_peft_makes_them_and_spare_a_third_of_the_passes(tiny, loaded):
    from peft import get_peft_model

    from tasks.training.weights import load_model, peft_config

    lora = Lora(rank=4, alpha=8)
    adapted = get_peft_model(load_model(TINY), peft_config(lora))
    assert tiny.adapters(lora) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    spared = tiny.training(120, 40, None, False) - tiny.training(120, 40, lora, False)
    assert spared == tiny.forward(120, 20) - 6 * 120 * tiny.adapters(lora)


def test_generation_by_hand(tiny):
    prompt = 2 * 10 * (2 * 2 * LAYER + 4 * 2 * 64 * 5)
    sampled = 160 * (2 * (2 * LAYER + 19 * 64) + 4 * 2 * 64 * (10 + 10))
    assert tiny.generation(requests=2, prompt=10, tokens=160, completions=8) == prompt + sampled


def test_memory_by_hand(tiny):
    cache = 2 * 2 * 64 * 4  # keys and values of 2 layers, float32
    assert tiny.generating_bytes(100, 60, 4) == 4 * 95_744 + 100 * (60 * cache + 8 * 19)
    layer = 6 * 64 + 4 * 64 + 4 * 160
    assert tiny.training_bytes(1000, None, False, 4) == 16 * 95_744 + 1000 * (2 * layer * 4 + 8 * 4 * 19)
    assert tiny.training_bytes(1, Lora(rank=4, alpha=8), False, 4) < tiny.training_bytes(1, None, False, 4)


def test_what_is_no_model_is_one_line(tmp_path):
    model = shutil.copytree(TINY, tmp_path / "model")
    told = json.loads((model / "config.json").read_text())
    for changed, line in (
        ("[]", r"config.json: not a model's config"),
        (json.dumps({k: v for k, v in told.items() if k != "vocab_size"}), "'vocab_size' is missing or no number"),
        (json.dumps(told | {"hidden_size": None}), "config.json: no decoder that can be estimated"),
    ):
        (model / "config.json").write_text(changed)
        with pytest.raises(BadInput, match=line):
            size_of(model)
    (model / "config.json").write_text(json.dumps(told))
    for torn in (b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]"):
        (model / "model.safetensors").write_bytes(torn)
        with pytest.raises(BadInput, match=r"model\.safetensors: not a safetensors file"):
            size_of(model)
