"""What a process computes with."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tasks.engines import device
from tasks.engines.loading import load_causal

from ...conftest import TINY

SIZES = {"num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 64}


@pytest.fixture
def threads():
    begun = torch.get_num_threads()
    yield
    torch.set_num_threads(begun)


def test_a_small_model_computes_with_one_thread_and_a_large_one_with_the_machines(threads, tmp_path):
    large = AutoConfig.for_model("llama", hidden_size=512, vocab_size=64, **SIZES)
    AutoModelForCausalLM.from_config(large).save_pretrained(tmp_path)
    of_the_machine = torch.get_num_threads()
    for folder, wanted in ((TINY, 1), (tmp_path, of_the_machine), (TINY, 1)):
        load_causal(folder, torch.float32)
        assert torch.get_num_threads() == wanted


def test_a_small_model_has_a_process_a_core_up_to_a_bound_and_a_wide_one_has_one(monkeypatch):
    def of(width, cores):
        monkeypatch.setattr(device, "_threads_of_the_machine", lambda: cores)
        model = AutoConfig.for_model("llama", hidden_size=width, vocab_size=64, **SIZES)
        return device.processes_for(AutoModelForCausalLM.from_config(model))

    assert [of(64, cores) for cores in (1, 2, 96)] == [1, 2, 8]
    assert [of(512, cores) for cores in (1, 96)] == [1, 1]
