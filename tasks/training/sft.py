"""Supervised fine-tuning on attempts that agree with the vote."""

from pathlib import Path

import pyarrow as pa

from schemas.settings import Lora, Sft
from tasks.training.trainer import Progress, Steps, common_arguments, load, peft_config, run, save


def train_sft(
    source: Path,
    target: Path,
    rows: pa.Table,
    settings: Sft,
    lora: Lora | None,
    seed: int,
    progress: Progress,
) -> Steps:
    """Train the checkpoint in `source` on (prompt, completion) rows, into `target`; the logged steps."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = load(source)
    arguments = SFTConfig(**common_arguments(settings, seed, target), completion_only_loss=settings.completion_only)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(rows.select(["prompt", "completion"])),
        processing_class=tokenizer,
        peft_config=peft_config(lora),
    )
    steps = run(trainer, "sft", progress)
    save(trainer, source, target)
    return steps
