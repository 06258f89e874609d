"""Where this process computes, and with which numbers."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MOST = 8  # each takes 0.3 GB for its libraries, and a stage of such a model has few shards
SMALL = 512  # width of a model whose layers are done before a second thread has woken up


def device_and_dtype() -> "tuple[str, torch.dtype]":
    """bfloat16 on a GPU; float32 on a CPU, where bfloat16 is several times slower."""
    import torch

    return ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)


def use_threads_for(model: Any) -> None:
    """Compute on a CPU with as many threads as a model's size has use for, not as the machine has cores: one for a
    small model. So its rows are the same on any number of cores; and on a busy machine, where threads that wait for
    each other take up to a hundred times as long, one waits for none."""
    import torch

    of_the_machine = _threads_of_the_machine()
    torch.set_num_threads(1 if _is_small(model) else of_the_machine)


def processes_for(model: Any) -> int:
    """How many processes of one thread are to generate side by side: of a small model on a CPU one a core, or what
    OMP_NUM_THREADS says in their place, up to MOST."""
    return min(_threads_of_the_machine(), MOST) if _is_small(model) and device_and_dtype()[0] == "cpu" else 1


def _is_small(model: Any) -> bool:
    return bool(model.get_input_embeddings().weight.shape[-1] < SMALL)


@cache
def _threads_of_the_machine() -> int:
    """What torch begins with: the cores, or OMP_NUM_THREADS."""
    import torch

    return int(torch.get_num_threads())
