"""Where this process computes, and with which numbers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def device_and_dtype() -> "tuple[str, torch.dtype]":
    """bfloat16 on a GPU; float32 on a CPU, where bfloat16 is several times slower."""
    import torch

    return ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
