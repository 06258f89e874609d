import pytest
import torch

from schemas.errors import Stopped
from tasks.training.trainer import out_of_memory_named


def device_full():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("allocate", [lambda: torch.empty(2**50), lambda: bytearray(2**60), device_full])
def test_out_of_memory_names_the_keys_to_lower(allocate):
    with pytest.raises(Stopped, match=r"lower train\.dpo\.rows_at_once or train\.dpo\.max_length"):  # noqa: SIM117
        with out_of_memory_named("dpo"):
            allocate()


def test_another_error_is_left_as_it_is():
    with pytest.raises(RuntimeError, match="shapes"), out_of_memory_named("sft"):
        raise RuntimeError("shapes do not match")
