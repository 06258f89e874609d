"""Several processes that train one model as one: what the first does for all, and the weights, whole again.

In a single process each of these says so, and does nothing else.
"""

from typing import Any

from tasks.training.weights import load_model, peft_config


def is_first(trainer: Any) -> bool:
    """Whether this is the process that speaks for all."""
    return bool(trainer.accelerator.is_main_process)


def is_sharded(model: Any) -> bool:
    """Whether FSDP has divided the model."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(model, FSDPModule)


def together(trainer: Any) -> None:
    """Wait until every process is here."""
    trainer.accelerator.wait_for_everyone()


def as_the_first_decides(trainer: Any, decision: bool) -> bool:
    """What the first process says: clocks differ, and a save that one process alone begins would never end."""
    import torch
    from accelerate.utils import broadcast

    return bool(broadcast(torch.tensor(int(decision), device=trainer.accelerator.device)).item())


def summed(trainer: Any, value: Any) -> Any:
    """The sum of a tensor over all processes."""
    return trainer.accelerator.reduce(value, reduction="sum")


def gathered(trainer: Any, phase: Any) -> Any:
    """The model with all of its weights: the trainer's own, or a copy in the first of several processes, whose
    trainer goes on with its part. None in the others."""
    if phase.processes == 1:
        return trainer.model
    weights = trainer.accelerator.get_state_dict(trainer.model)  # every process gives its part
    if not is_first(trainer):
        return None
    model = load_model(phase.source)
    if phase.lora is not None:
        from peft import get_peft_model

        model = get_peft_model(model, peft_config(phase.lora))
    model.load_state_dict(weights)
    return model


def shard_on_a_cpu() -> None:
    """Let accelerate take FSDP's settings on a CPU too. By itself it takes them on GPUs alone, and elsewhere leaves
    the whole model in each process without a word; torch's FSDP runs on both."""
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    begin = AcceleratorState.__init__

    def begin_sharded(self: Any, *given: Any, fsdp_plugin: Any = None, **named: Any) -> None:
        begin(self, *given, fsdp_plugin=fsdp_plugin, **named)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
            PartialState._shared_state["distributed_type"] = DistributedType.FSDP  # what every later state copies

    AcceleratorState.__init__ = begin_sharded
