"""Preference training: attempts that agree with the vote, or gold answers, against attempts that do not.

DPO and its family are TRL's (Rafailov et al. 2023, arXiv 2305.18290), and so is SPIN: its logistic loss is DPO's,
with the previous iterate as reference. SPPO and RSPO are ours (tasks/training/losses.py). All take the references'
log-probabilities from columns, computed once and stored.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.losses import Dpo, Preference, Rspo, Sppo
from tasks.training.base_samples import SAMPLE_IDS, sample_batch, sample_logp
from tasks.training.losses import geometric_mixture, rspo, sppo
from tasks.training.references import References, add_log_probabilities
from tasks.training.sharded import summed
from tasks.training.trainer import Phase, common_arguments, run
from tasks.training.weights import load, peft_config

TOKENS = ("prompt_ids", "chosen_ids", "rejected_ids")
TRLS = ("ref_chosen_logps", "ref_rejected_logps")  # what its own losses read


def train_preference(phase: Phase, rows: pa.Table, settings: Preference, references: References) -> Path:
    """Train on rows of `prompt_ids`, `chosen_ids` and `rejected_ids`; the folder of what is finished."""
    from datasets import Dataset
    from trl import DPOConfig

    model, tokenizer = load(phase.source)
    losses = (
        {"loss_type": list(settings.loss_type), "loss_weights": list(settings.loss_weights)}
        | {"label_smoothing": settings.label_smoothing}
        if isinstance(settings, Dpo)
        else {"loss_type": ["sigmoid"]}
    )
    arguments = DPOConfig(
        **common_arguments(settings, phase), **losses, beta=settings.beta, precompute_ref_log_probs=True
    )
    columns = ["id", *TOKENS, *_win_rates(settings), *_sampled(settings)]
    trainer = _trainer(settings, references, phase.source)(
        model=model,
        args=arguments,
        train_dataset=Dataset(rows.select(columns)),
        processing_class=tokenizer,
        peft_config=peft_config(phase.lora),
    )
    return run(trainer, phase)


def _trainer(settings: Preference, references: References, source: Path) -> Any:
    """TRL's trainer, with references from columns; and with a loss of ours for SPPO and RSPO."""
    from trl import DPOTrainer

    class FromColumns(DPOTrainer):
        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            self._signature_columns += [*_columns(settings, references), *_sampled(settings)]

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset  # its rows are tokens already

        def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
            dataset = add_log_probabilities(self, dataset, references, source, batch_size)
            self.data_collator: Any = _collator(self.data_collator, settings, _columns(settings, references))
            return dataset

    class OwnLoss(FromColumns):
        def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
            columns = {name: inputs[name] for name in (*_columns(settings, references), *TRLS)}
            outputs, chosen, rejected = _policy(model, inputs)
            if _sampled(settings):
                columns["base_sample_logps"] = sample_logp(model, inputs["base_sample"])
            ratios = (chosen - columns["ref_chosen_logps"], rejected - columns["ref_rejected_logps"])
            _log(self, inputs, outputs, [settings.beta * ratio.detach() for ratio in ratios])
            return _own_loss(settings, chosen, rejected, columns).mean()

    return OwnLoss if isinstance(settings, Sppo) else FromColumns


def _win_rates(settings: Preference) -> list[str]:
    """The columns of win rates, for losses that read them."""
    if not isinstance(settings, Sppo):
        return []
    return ["pair_winrate"] if settings.win_rates == "pair" else ["chosen_winrate", "rejected_winrate"]


def _sampled(settings: Preference) -> tuple[str, ...]:
    """The column of the base's own answers, for the loss that reads them."""
    return (SAMPLE_IDS,) if isinstance(settings, Rspo) and settings.base_samples else ()


def _columns(settings: Preference, references: References) -> list[str]:
    said = [f"{name}_{side}_logps" for name in references.folders for side in ("chosen", "rejected")]
    return _win_rates(settings) + said


def _collator(trls: Any, settings: Preference, columns: list[str]) -> Any:
    """TRL's batch, and beside it the columns, and the one reference that its own losses read."""
    import torch

    def collate(pairs: list[dict[str, Any]]) -> dict[str, Any]:
        given = {name: torch.tensor([pair[name] for pair in pairs]) for name in columns}
        batch: dict[str, Any] = trls(pairs)
        sampled = {"base_sample": sample_batch(pairs)} if _sampled(settings) else {}
        return batch | given | sampled | dict(zip(TRLS, _reference(settings, given), strict=True))

    return collate


def _reference(settings: Preference, columns: dict[str, Any]) -> list[Any]:
    """Log-probabilities of the chosen and the rejected answers under what the loss is against."""
    sides = ("chosen", "rejected")
    if settings.base_share is None:
        return [columns[f"{settings.reference}_{side}_logps"] for side in sides]
    return [
        geometric_mixture(columns[f"champion_{side}_logps"], columns[f"base_{side}_logps"], settings.base_share)
        for side in sides
    ]


def _policy(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The model's outputs, and the log-probabilities of the chosen and the rejected answers, summed over tokens."""
    labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
    asked = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    outputs = model(**asked, labels=labels, use_cache=False, fused_lm_head=True)
    chosen, rejected = outputs.log_probs.sum(dim=1).chunk(2)
    return outputs, chosen, rejected


def _own_loss(settings: Preference, chosen: Any, rejected: Any, columns: dict[str, Any]) -> Any:
    """SPPO's or RSPO's, one value a pair."""
    assert isinstance(settings, Sppo)
    if settings.win_rates == "pair":
        won, lost = columns["pair_winrate"], 1 - columns["pair_winrate"]
    else:
        won, lost = columns["chosen_winrate"], columns["rejected_winrate"]
    ratios = (chosen - columns["ref_chosen_logps"], rejected - columns["ref_rejected_logps"])
    if not isinstance(settings, Rspo):
        return sppo(ratios[0], ratios[1], won, lost, settings.beta)
    to_base = (chosen - columns["base_chosen_logps"], rejected - columns["base_rejected_logps"])
    return rspo(
        ratios[0], ratios[1], won, lost, settings.beta, to_base[0], to_base[1],
        settings.regularizer, settings.weight, chosen_logp=chosen, rejected_logp=rejected,
        base_sample_logp=columns.get("base_sample_logps"), reverse_weight=settings.reverse_weight or 0.0,
    )  # fmt: skip


def _log(trainer: Any, inputs: dict[str, Any], outputs: Any, rewards: list[Any]) -> None:
    """What TRL's own losses log, of which `train_steps` keeps some."""
    mask, pairs = inputs["completion_mask"][..., 1:], rewards[0].new_tensor(len(rewards[0]))
    read = [batch["attention_mask"].sum() for batch in (inputs, inputs.get("base_sample")) if batch]
    trainer._total_train_tokens += int(summed(trainer, sum(read)))
    metrics = trainer._metrics["train"]
    metrics["num_tokens"] = [trainer._total_train_tokens]
    for name, value, of in (
        ("entropy", outputs.entropy.detach() * mask, mask.sum()),
        ("rewards/accuracies", (rewards[0] > rewards[1]).float(), pairs),
        ("rewards/chosen", rewards[0], pairs),
    ):
        metrics[name].append(float(summed(trainer, value.sum()) / summed(trainer, of)))
