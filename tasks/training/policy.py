"""Policy gradient on stored attempts: PPO's clipped objective over the advantages of one wave.

Which values make it GRPO, Dr. GRPO, DAPO, RLOO or REINFORCE++ stands in docs/training.md. TRL's trainers of those
names generate, score and train in one process; here the rows come from tables, so that a plain Trainer is enough.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.losses import Policy
from tasks.training.losses import kl_estimates, policy_gradient, reduced
from tasks.training.moments import load_moments, save_moments
from tasks.training.tokens import log_probabilities, padded, with_log_probabilities
from tasks.training.trainer import Phase, common_arguments, run
from tasks.training.weights import load, peft_config

COLUMNS = ["prompt_ids", "completion_ids", "old_logps", "reference_logps", "advantages", "reward"]


@dataclass(frozen=True)
class Position:
    """Where in its round a wave's training stands."""

    wave: int
    """From 1."""
    moments: Path | None
    """Folder of what the optimiser had at the end of the wave before."""


def train_policy(phase: Phase, rows: pa.Table, settings: Policy, position: Position) -> Path:
    """Train on rows of `advantages`; the folder of what is finished, the optimiser's moments in it if a wave follows.

    With adapters nothing is carried from wave to wave: each begins with new ones.
    """
    from transformers import TrainingArguments, set_seed
    from trl.trainer.utils import disable_dropout_in_model

    carried = phase.lora is None
    model, tokenizer = load(phase.source)
    with_log_probabilities(model)
    disable_dropout_in_model(model)  # the first ratio to what answered is 1
    if not carried:
        from peft import get_peft_model

        set_seed((phase.seed + position.wave) % 2**31)  # new adapters are drawn
        model = get_peft_model(model, peft_config(phase.lora))
    arguments = common_arguments(settings, phase) | {"remove_unused_columns": False}
    del arguments["max_length"]  # rows were cut to it when they were made
    trainer = _trainer(settings, position, takes_up=carried and phase.begun is None)(
        model=model,
        args=TrainingArguments(**arguments, train_sampling_strategy="sequential"),
        train_dataset=_in_order(rows, settings, phase.seed + position.wave),
        processing_class=tokenizer,
        data_collator=_collate,
    )

    def leave(folder: Path) -> None:
        if carried and position.wave < settings.waves:
            save_moments(trainer.model, trainer.optimizer, folder / "moments")

    return run(trainer, phase, leave)


def policy_loss(settings: Policy, logps: Any, batch: dict[str, Any]) -> Any:
    """The loss of a batch as `padded` makes it, and the mean k3 of a token to the reference, if there is one.

    logps: log-probabilities of the policy under training, (attempts, tokens).
    """
    mask = (batch["labels"][:, 1:] != -100).to(logps.dtype)
    loss = policy_gradient(
        logps - batch["old_logps"], batch["advantages"], mask, settings.clip_low, settings.clip_high,
        settings.reduction, settings.max_length,
    )  # fmt: skip
    if settings.kl is None:
        return loss, None
    k3 = kl_estimates(logps - batch["reference_logps"])[2]
    if settings.kl == "loss":
        loss = loss + settings.kl_weight * reduced(k3, mask, settings.reduction, settings.max_length)
    return loss, reduced(k3.detach(), mask, "token", settings.max_length)


def _in_order(rows: pa.Table, settings: Policy, seed: int) -> Any:
    """Whole batches: every row once, in a random order, before any comes again. `step_tokens`: completion tokens of
    the optimiser step that a row is part of."""
    import torch
    from datasets import Dataset

    dataset, wanted = Dataset(rows.select(COLUMNS)), settings.steps * settings.batch_size
    chance = torch.Generator().manual_seed(seed % 2**63)
    order: list[int] = []
    while len(order) < wanted:
        order += torch.randperm(len(dataset), generator=chance).tolist()
    order = order[:wanted]
    lengths = [len(ids) for ids in dataset["completion_ids"]]
    size = settings.batch_size
    tokens = [sum(lengths[i] for i in order[first : first + size]) for first in range(0, wanted, size)]
    step_tokens = [tokens[place // size] for place in range(wanted)]
    return dataset.select(order).add_column("step_tokens", step_tokens)


def _collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    import torch

    return padded(rows) | {name: torch.tensor([row[name] for row in rows]) for name in ("reward", "step_tokens")}


def _trainer(settings: Policy, position: Position, takes_up: bool) -> Any:
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import Trainer

    before = (position.wave - 1) * settings.steps

    class OnPolicy(Trainer):
        loss_is_scaled_for_ga = True
        _total_train_tokens = 0

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._measured: dict[str, list[tuple[float, int]]] = {}

        def create_optimizer(self, model: Any = None) -> Any:
            optimizer = super().create_optimizer(model)
            if takes_up and position.moments is not None:
                load_moments(self.model, optimizer, position.moments)
            return optimizer

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            whole = super().create_scheduler(settings.steps * settings.waves, optimizer).lr_lambdas[0]
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda step: whole(before + step))
            return self.lr_scheduler

        def compute_loss(self, model: Any, inputs: dict[str, Any], **_: Any) -> Any:
            logps, entropy = log_probabilities(model, inputs)
            mask = inputs["labels"][:, 1:] != -100
            loss, kl = policy_loss(settings, logps, inputs)
            tokens, attempts = int(mask.sum()), len(mask)
            self._total_train_tokens += int(inputs["attention_mask"].sum())
            self._measure("entropy", (entropy.detach() * mask).sum() / tokens, tokens)
            self._measure("reward", inputs["reward"].mean(), attempts)
            self._measure("length", tokens / attempts, attempts)
            if kl is not None:
                self._measure("kl", kl, tokens)
            # rows_at_once are a part of the step's batch: their loss counts by their share of it
            in_step = tokens / int(inputs["step_tokens"][0])
            return loss * (in_step if settings.reduction == "token" else attempts / settings.batch_size)

        def _measure(self, name: str, value: Any, weight: int) -> None:
            self._measured.setdefault(name, []).append((float(value), weight))

        def log(self, logs: dict[str, float], *given: Any, **more: Any) -> None:
            for name, found in self._measured.items():
                logs[name] = sum(value * weight for value, weight in found) / sum(weight for _, weight in found)
            self._measured.clear()
            super().log(logs | {"num_tokens": self._total_train_tokens}, *given, **more)

    return OnPolicy
