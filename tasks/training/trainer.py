"""What every trainer shares: TRL's settings, logged steps, and an end that is whole."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import Stopped, ValidationFailed
from schemas.losses import Optimiser
from schemas.training import Lora, Stop
from tasks.engines.device import device_and_dtype
from tasks.store.objects import write_whole
from tasks.training.adapters import save_adapter
from tasks.training.marks import keeps, write_marks
from tasks.training.resume import saves
from tasks.training.sharded import gathered, is_first, is_sharded
from tasks.training.weights import save


@dataclass(frozen=True)
class Phase:
    """One method's training: what it starts from, and where it goes on if it was begun."""

    method: str
    source: Path
    """The checkpoint it starts from."""
    work: Path
    """Where it works, on this machine."""
    begun: Path | None
    """The trainer's own checkpoint to go on from."""
    save_minutes: float
    lora: Lora | None
    stop: Stop
    seed: int
    progress: Callable[[int], None]
    """Called with the steps done."""
    keep: Callable[[Path], None] = lambda folder: None
    """Called with a folder of `work` once all is in it: it then takes the place of what was kept so far."""
    marks: tuple[int, ...] = ()
    """Steps after which the weights are kept too."""
    keep_weights: Callable[[Path], str] = lambda folder: ""
    """Stores weights; their digest."""
    processes: int = 1
    """That share the batch and, from two on, the model: this is one of them."""


def common_arguments(settings: Optimiser, phase: Phase) -> dict[str, Any]:
    """TRL's names for the recipe's settings. bf16 and gradient checkpointing are slow on a CPU, and on by default."""
    on_gpu = device_and_dtype()[0] == "cuda"
    return {
        "output_dir": str(phase.work),
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.rows_at_once,
        "gradient_accumulation_steps": settings.batch_size // (settings.rows_at_once * phase.processes),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup_steps,
        "max_length": settings.max_length,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu and phase.processes == 1,  # FSDP has its own: tasks/training/launch.py
        "dataloader_pin_memory": on_gpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would log a loss that is no number as 0
        "save_strategy": "no",  # by the clock instead: tasks/training/resume.py
        "report_to": "none",
        "disable_tqdm": True,
        "seed": phase.seed % 2**31,
    }


@contextmanager
def out_of_memory_named(method: str) -> Iterator[None]:
    """Training that does not fit ends as Stopped, with the recipe's keys to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's are RuntimeErrors
        told = ("out of memory", "can't allocate memory")
        if isinstance(error, RuntimeError) and not any(text in str(error) for text in told):
            raise
        keys = f"train.{method}.rows_at_once or train.{method}.max_length"
        raise Stopped(f"train: {method} does not fit in memory; lower {keys}") from error


def run(trainer: Any, phase: Phase, leave: Callable[[Path], None] = lambda folder: None) -> Path:
    """Train, and leave `finished-<steps>`, whole: `weights/`, `adapter/` if there is one, `steps.json` with what was
    logged, and what `leave` puts there.

    Raises ValidationFailed at a loss, or weights in the end, that are not finite numbers.
    """
    from transformers import PrinterCallback, TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.log_history:  # TRL counts tokens from 0 after a resume
                trainer._total_train_tokens = int(state.log_history[-1]["num_tokens"])
            assert phase.processes == 1 or is_sharded(trainer.model)
            phase.progress(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" not in logs:
                return
            if not math.isfinite(logs["loss"]):
                raise _no_number(f"loss {logs['loss']}", phase.method, trainer)
            phase.progress(state.global_step)
            if collapse(_step(state.log_history[-1], phase.method, trainer), phase.stop):
                control.should_training_stop = True
                control.should_save = False  # after a kill the step that ended training is taken, and judged, again

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch())
    trainer.add_callback(keeps(trainer, phase))
    trainer.add_callback(saves(trainer, phase))
    trainer.train(resume_from_checkpoint=str(phase.begun) if phase.begun else None)
    folder = phase.work / f"finished-{trainer.state.global_step}"
    leave(folder)
    model = gathered(trainer, phase)
    if not is_first(trainer):
        return folder
    if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
        raise _no_number("weights that are no numbers", phase.method, trainer)  # the last step's have no loss yet
    save_adapter(model, folder / "adapter")
    save(model, phase.source, folder / "weights")
    write_marks(trainer, folder)
    write_whole(
        folder / "steps.json",
        orjson.dumps([_step(logs, phase.method, trainer) for logs in trainer.state.log_history if "loss" in logs]),
    )
    phase.keep(folder)
    return folder


def _no_number(what: str, method: str, trainer: Any) -> ValidationFailed:
    return ValidationFailed(
        f"train: {method} {what} at step {trainer.state.global_step}; lower "
        f"train.{method}.learning_rate (now {trainer.args.learning_rate:g})"
    )


def collapse(step: dict[str, Any], stop: Stop) -> str:
    """Why training ends with this row of `train_steps`, by the recipe's rules; "" if it goes on."""
    for name, column, least in (
        ("entropy", "entropy", stop.min_entropy),
        ("reward", "reward", stop.min_reward),
        ("length", "length", stop.min_length),
        ("chosen answers' log-ratio", "chosen_logratio", None if stop.max_drift is None else -stop.max_drift),
    ):
        if least is not None and (found := step[column]) is not None and found < least:
            return f"{name} {found:.3g}, below {least:g}, at step {step['step']}"
    for name, column, most in (("KL", "kl", stop.max_kl), ("length", "length", stop.max_length)):
        if most is not None and (found := step[column]) is not None and found > most:
            return f"{name} {found:.3g}, above {most:g}, at step {step['step']}"
    return ""


def _step(logs: dict[str, Any], method: str, trainer: Any) -> dict[str, Any]:
    """A row of `train_steps`, from an entry of the trainer's own history, which outlives a kill."""
    reward = logs.get("rewards/chosen")
    return (
        {"method": method, "step": logs["step"], "loss": logs["loss"]}
        | {"learning_rate": logs["learning_rate"], "grad_norm": logs.get("grad_norm")}
        | {"num_tokens": int(logs["num_tokens"]) if "num_tokens" in logs else None}
        | {"reward_accuracy": logs.get("rewards/accuracies"), "entropy": logs.get("entropy")}
        | {"chosen_logratio": None if reward is None else reward / trainer.args.beta}
        | {name: logs.get(name) for name in ("kl", "reward", "length")}
    )
