"""Supervised fine-tuning on attempts that agree with the vote."""

from pathlib import Path

import pyarrow as pa

from schemas.training import Sft
from tasks.training.trainer import Phase, common_arguments, load, peft_config, run


def train_sft(phase: Phase, rows: pa.Table, settings: Sft) -> Path:
    """Train on (prompt, completion) rows; the folder of what is finished."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = load(phase.source)
    arguments = SFTConfig(**common_arguments(settings, phase), completion_only_loss=settings.completion_only)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(rows.select(["prompt", "completion"])),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    return run(trainer, phase)
