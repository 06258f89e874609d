"""Supervised fine-tuning on attempts that agree with the vote."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.losses import Sft
from tasks.training.trainer import Phase, common_arguments, run
from tasks.training.weights import load, peft_config


def train_sft(phase: Phase, rows: pa.Table, settings: Sft) -> Path:
    """Train on rows of `prompt_ids` and `completion_ids`; the folder of what is finished."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = load(phase.source)
    arguments = SFTConfig(**common_arguments(settings, phase), completion_only_loss=settings.completion_only)
    trainer = (_weighted(settings.weight) if settings.weight else SFTTrainer)(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(_examples(rows, settings)),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    if settings.weight:
        trainer.data_collator = _collator(trainer.data_collator, settings.weight)
    return run(trainer, phase)


def _examples(rows: pa.Table, settings: Sft) -> list[dict[str, Any]]:
    """As TRL takes rows that are tokens already."""
    weights = [settings.weight] if settings.weight else []
    return [
        {
            "input_ids": row["prompt_ids"] + row["completion_ids"],
            "completion_mask": [0] * len(row["prompt_ids"]) + [1] * len(row["completion_ids"]),
        }
        | {name: row[name] for name in weights}
        for row in rows.select(["prompt_ids", "completion_ids", *weights]).to_pylist()
    ]


def _weighted(weight: str) -> Any:
    """TRL's trainer, with the losses of a row's tokens multiplied by its weight, a column. Their sum is over the
    number of tokens still, so that a batch of little weight moves the model little."""
    from trl import SFTTrainer

    class Weighted(SFTTrainer):
        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            if weight not in self._signature_columns:
                self._signature_columns.append(weight)

        def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            weights = inputs.pop(weight)

            def weighted(**asked: Any) -> Any:
                outputs = model(**asked)
                return replace(outputs, log_probs=outputs.log_probs * weights.unsqueeze(1))

            return super().compute_loss(weighted, inputs, *arguments, **named)

    return Weighted


def _collator(trls: Any, weight: str) -> Any:
    """TRL's batch, and beside it each row's weight."""
    import torch

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = trls(rows)
        return batch | {weight: torch.tensor([row[weight] for row in rows])}

    return collate
