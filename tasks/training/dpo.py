"""Direct preference optimisation: attempts that agree with the vote against attempts that do not.

Rafailov et al. 2023, arXiv 2305.18290. The reference is the checkpoint that training starts from; its
log-probabilities are computed once, before the first step.
"""

from pathlib import Path

import pyarrow as pa

from schemas.training import Dpo
from tasks.training.trainer import Phase, common_arguments, load, peft_config, run


def train_dpo(phase: Phase, rows: pa.Table, settings: Dpo) -> Path:
    """Train on (prompt, chosen, rejected) rows; the folder of what is finished."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    model, tokenizer = load(phase.source)
    arguments = DPOConfig(
        **common_arguments(settings, phase),
        beta=settings.beta,
        loss_type=list(settings.loss_type),
        loss_weights=list(settings.loss_weights),
        precompute_ref_log_probs=True,
    )
    trainer = DPOTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(rows.select(["prompt", "chosen", "rejected"])),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    return run(trainer, phase)
