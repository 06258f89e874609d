"""Kahneman-Tversky optimisation: agreeing and disagreeing attempts, each by itself.

Ethayarajh et al. 2024, arXiv 2402.01306. The reference is what training starts from; what it says of each attempt,
and of attempts at other questions, stays within training.
"""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.losses import Kto
from tasks.training.sharded import is_first, together
from tasks.training.trainer import Phase, common_arguments, run
from tasks.training.weights import load, peft_config


def train_kto(phase: Phase, rows: pa.Table, settings: Kto) -> Path:
    """Train on rows of `prompt_ids`, `chosen_ids` and `rejected_ids`; the folder of what is finished."""
    from datasets import Dataset
    from trl import KTOConfig

    model, tokenizer = load(phase.source)
    arguments = KTOConfig(
        **common_arguments(settings, phase),
        beta=settings.beta,
        desirable_weight=settings.desirable_weight,
        undesirable_weight=settings.undesirable_weight,
        precompute_ref_log_probs=True,
    )
    trainer = _trainer(phase)(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(unpaired(rows, phase.seed)),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    return run(trainer, phase)


def _trainer(phase: Phase) -> Any:
    """TRL's trainer, on rows that are tokens already. The first of several processes leaves what the reference says
    in a file for all; TRL would look for it in a folder of each one's own."""
    from trl import KTOTrainer

    class OfTokens(KTOTrainer):
        def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, *_: Any) -> Any:
            """For the KL, as TRL does: each prompt of a batch with the completion of the one before."""
            size = args.per_device_train_batch_size
            return dataset.map(_turned, batched=True, batch_size=size) if self.calculate_KL else dataset

    class Sharing(OfTokens):
        def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
            file = phase.work / "launch" / "reference.arrow"
            if is_first(self):
                file.unlink(missing_ok=True)
            together(self)
            dataset._get_cache_file_path = lambda fingerprint: str(file)
            return super()._precompute_ref_logps(dataset, name, batch_size)

    return OfTokens if phase.processes == 1 else Sharing


def _turned(batch: dict[str, Any]) -> dict[str, Any]:
    said = batch["completion_ids"]
    return {"KL_completion_ids": [said[-1], *said[:-1]]}


def unpaired(rows: pa.Table, seed: int) -> list[dict[str, Any]]:
    """The attempts of all pairs, each once, in a random order: TRL takes rows as they lie, and would meet all right
    ones before the first wrong one. A gold answer is its question's."""
    sides = (("chosen", True), ("rejected", False))
    by_attempt = {
        (pair[f"{side}_attempt_id"] or pair["question_id"], side): {
            "prompt_ids": pair["prompt_ids"],
            "completion_ids": pair[f"{side}_ids"],
            "label": label,
        }
        for pair in rows.to_pylist()
        for side, label in sides
    }
    found = list(by_attempt.values())
    random.Random(seed).shuffle(found)
    return found
