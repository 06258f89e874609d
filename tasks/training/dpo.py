"""Direct preference optimisation: attempts that agree with the vote against attempts that do not.

Rafailov et al. 2023, arXiv 2305.18290. The reference is the checkpoint that training starts from; its
log-probabilities are computed once, before the first step.
"""

from pathlib import Path

import pyarrow as pa

from schemas.settings import Dpo, Lora
from tasks.training.trainer import Progress, Steps, common_arguments, load, peft_config, run, save


def train_dpo(
    source: Path,
    target: Path,
    rows: pa.Table,
    settings: Dpo,
    lora: Lora | None,
    seed: int,
    progress: Progress,
) -> Steps:
    """Train the checkpoint in `source` on (prompt, chosen, rejected) rows, into `target`; the logged steps."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    model, tokenizer = load(source)
    arguments = DPOConfig(
        **common_arguments(settings, seed, target),
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
        peft_config=peft_config(lora),
    )
    steps = run(trainer, "dpo", progress)
    save(trainer, source, target)
    return steps
