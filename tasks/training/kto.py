"""Kahneman-Tversky optimisation: agreeing and disagreeing attempts, each by itself.

Ethayarajh et al. 2024, arXiv 2402.01306. TRL takes the pairs apart; the reference is what training starts from.
"""

from pathlib import Path

import pyarrow as pa

from schemas.training import Kto
from tasks.training.trainer import Phase, common_arguments, load, peft_config, run


def train_kto(phase: Phase, rows: pa.Table, settings: Kto) -> Path:
    """Train on (prompt, chosen, rejected) rows; the folder of what is finished."""
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    model, tokenizer = load(phase.source)
    arguments = KTOConfig(
        **common_arguments(settings, phase),
        beta=settings.beta,
        desirable_weight=settings.desirable_weight,
        undesirable_weight=settings.undesirable_weight,
        precompute_ref_log_probs=True,
    )
    trainer = KTOTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(rows.select(["prompt", "chosen", "rejected"])),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    return run(trainer, phase)
