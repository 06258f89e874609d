"""What every trainer shares: weights in, TRL's settings, logged steps, weights out."""

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import Stopped, ValidationFailed
from schemas.training import Lora, Optimiser
from tasks.engines.transformers import device_and_dtype
from tasks.store.objects import write_whole
from tasks.training.resume import Place, keep, saves


@dataclass(frozen=True)
class Phase:
    """One method's training: what it starts from, and where it goes on if it was begun."""

    method: str
    source: Path
    """The checkpoint it starts from, and that a preference loss refers to."""
    place: Place
    begun: Path | None
    """The trainer's own checkpoint to go on from."""
    save_minutes: float
    lora: Lora | None
    seed: int
    progress: Callable[[int], None]
    """Called with the steps done."""
    prove: Callable[[], None] = lambda: None
    """Called before what was kept so far is replaced: raises Locked if another writer took the lineage over."""


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer, in float32: on a GPU, bfloat16 comes by autocast over them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def common_arguments(settings: Optimiser, phase: Phase) -> dict[str, Any]:
    """TRL's names for the recipe's settings. bf16 and gradient checkpointing are slow on a CPU, and on by default."""
    on_gpu = device_and_dtype()[0] == "cuda"
    return {
        "output_dir": str(phase.place.work),
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.rows_at_once,
        "gradient_accumulation_steps": settings.batch_size // settings.rows_at_once,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup_steps,
        "max_length": settings.max_length,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would log a loss that is no number as 0
        "save_strategy": "no",  # by the clock instead: tasks/training/resume.py
        "report_to": "none",
        "disable_tqdm": True,
        "seed": phase.seed % 2**31,
    }


def peft_config(lora: Lora | None) -> Any:
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")


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


def run(trainer: Any, phase: Phase) -> Path:
    """Train, and leave `finished-<steps>`, whole: `weights/`, and `steps.json` with what was logged.

    Raises ValidationFailed at a loss that is not a finite number.
    """
    from transformers import PrinterCallback, TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.log_history:  # TRL counts tokens from 0 after a resume
                trainer._total_train_tokens = int(state.log_history[-1]["num_tokens"])
            phase.progress(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" not in logs:
                return
            if not math.isfinite(logs["loss"]):
                raise ValidationFailed(f"train: {phase.method} loss {logs['loss']} at step {state.global_step}")
            phase.progress(state.global_step)

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch())
    trainer.add_callback(saves(phase.place, phase.save_minutes, phase.prove))
    trainer.train(resume_from_checkpoint=str(phase.begun) if phase.begun else None)
    folder = phase.place.work / f"finished-{trainer.state.global_step}"
    save(trainer, phase.source, folder / "weights")
    write_whole(folder / "steps.json", orjson.dumps(_logged(trainer.state.log_history, phase.method)))
    phase.prove()
    keep(phase.place, folder)
    return folder


def _logged(history: list[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    """Rows of `train_steps`, from the trainer's own history, which outlives a kill. Its last entry is a summary."""
    return [
        {"method": method, "step": logs["step"], "loss": logs["loss"]}
        | {"learning_rate": logs["learning_rate"], "grad_norm": logs.get("grad_norm")}
        | {"num_tokens": int(logs["num_tokens"]) if "num_tokens" in logs else None}
        | {"reward_accuracy": logs.get("rewards/accuracies")}
        for logs in history
        if "loss" in logs
    ]


def save(trainer: Any, source: Path, target: Path) -> None:
    """Write the weights as safetensors, adapters merged, in the source's number format; beside them the source's
    tokenizer files, unchanged."""
    import torch
    from transformers import AutoConfig

    model = trainer.model
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    kept = AutoConfig.from_pretrained(source, local_files_only=True).dtype or torch.float32
    model.config.use_cache = True  # trainers turn it off with gradient checkpointing
    model.to(device="cpu", dtype=kept).save_pretrained(target)
    for path in source.iterdir():
        of_the_tokenizer = path.suffix in (".json", ".jinja", ".model", ".txt") and "index" not in path.name
        if of_the_tokenizer and path.name != "object.json" and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
