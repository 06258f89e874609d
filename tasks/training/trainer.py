"""What every trainer shares: weights in, TRL's settings, logged steps, weights out."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.errors import ValidationFailed
from schemas.settings import Lora, Optimiser
from tasks.engines.transformers import device_and_dtype

Steps = list[dict[str, Any]]
Progress = Callable[[int, int], None]


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


def common_arguments(settings: Optimiser, seed: int, work: Path) -> dict[str, Any]:
    """TRL's names for the recipe's settings. bf16 and gradient checkpointing are slow on a CPU, and on by default."""
    on_gpu = device_and_dtype()[0] == "cuda"
    return {
        "output_dir": str(work),
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
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed % 2**31,
    }


def peft_config(lora: Lora | None) -> Any:
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")


def run(trainer: Any, method: str, progress: Progress) -> Steps:
    """Train, and give back what was logged. Raises ValidationFailed at a loss that is not a finite number."""
    import math

    from transformers import PrinterCallback, TrainerCallback

    logged: Steps = []

    class Log(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" not in logs:
                return
            if not math.isfinite(logs["loss"]):
                raise ValidationFailed(f"train: {method} loss {logs['loss']} at step {state.global_step}")
            logged.append(
                {"method": method, "step": state.global_step, "loss": logs["loss"]}
                | {"learning_rate": logs["learning_rate"], "grad_norm": logs.get("grad_norm")}
                | {"num_tokens": int(logs["num_tokens"]) if "num_tokens" in logs else None}
                | {"reward_accuracy": logs.get("rewards/accuracies")}
            )
            progress(state.global_step, state.max_steps)

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Log())
    trainer.train()
    return logged


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
