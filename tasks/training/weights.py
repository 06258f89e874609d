"""Weights in, as trainers take them, and out, as a checkpoint is stored."""

import shutil
from pathlib import Path
from typing import Any

from schemas.training import Lora
from tasks.engines.loading import load_causal


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer, in float32: on a GPU, bfloat16 comes by autocast over them."""
    tokenizer = load_tokenizer(folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return load_model(folder), tokenizer


def load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def load_model(folder: Path) -> Any:
    import torch

    return load_causal(folder, torch.float32)


def peft_config(lora: Lora | None) -> Any:
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")


def save(model: Any, source: Path, target: Path) -> None:
    """Write the weights as safetensors, adapters merged, in float32 whatever the source's number format: rounded to
    bfloat16, 93% of an update at a rate of 5e-7 were lost. Engines generate in the format of their device. Beside
    them lie the source's tokenizer files, unchanged."""
    import torch

    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.config.use_cache = True  # trainers turn it off with gradient checkpointing
    model.to(device="cpu", dtype=torch.float32).save_pretrained(target)
    for path in source.iterdir():
        of_the_tokenizer = path.suffix in (".json", ".jinja", ".model", ".txt") and "index" not in path.name
        if of_the_tokenizer and path.name != "object.json" and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
