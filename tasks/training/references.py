"""References: the fixed models that a preference loss measures its own against, and what they say of each pair."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tasks.training.sharded import summed
from tasks.training.weights import load

Row = dict[str, Any]
Keep = Callable[[str, Callable[[], list[Row]]], list[Row]]


@dataclass(frozen=True)
class References:
    """The references that a method needs."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    """Name -> weights."""
    keep: Keep = lambda name, make: make()
    """Called with a name and what makes its rows: those of the store, or made and stored."""


def add_log_probabilities(trainer: Any, dataset: Any, references: References, source: Path, batch_rows: int) -> Any:
    """The tokenised dataset with two columns a reference, `<name>_chosen_logps` and `<name>_rejected_logps`.

    `source`: the weights that the trainer has in memory; any other reference is loaded, and let go of.
    """
    pairs = dataset

    def log_probabilities(folder: Path) -> list[Row]:
        model = trainer.model if folder == source else _frozen(folder)
        return _log_probabilities(trainer, pairs, model.to(trainer.accelerator.device), batch_rows)

    for name, folder in references.folders.items():
        by_pair = {row["pair_id"]: row for row in references.keep(name, partial(log_probabilities, folder))}
        for side in ("chosen", "rejected"):
            values = [by_pair[pair_id][f"{side}_logp"] for pair_id in dataset["id"]]
            dataset = dataset.add_column(f"{name}_{side}_logps", values)
    return dataset


def _frozen(folder: Path) -> Any:
    from trl.trainer.utils import add_fused_lm_head

    model, _ = load(folder)
    add_fused_lm_head(model)  # log-probabilities without logits, as the trainer's own
    return model.eval()


def _log_probabilities(trainer: Any, dataset: Any, model: Any, batch_rows: int) -> list[Row]:
    """Batches are the same however many processes share them."""
    import torch

    device = trainer.accelerator.device
    found = torch.zeros(2, len(dataset), dtype=torch.float64, device=device)
    for number, first in enumerate(range(0, len(dataset), batch_rows)):
        if number % trainer.accelerator.num_processes != trainer.accelerator.process_index:
            continue
        pairs = [dataset[i] for i in range(first, min(first + batch_rows, len(dataset)))]
        batch = {k: v.to(device) for k, v in trainer.data_collator(pairs).items()}
        found[:, first : first + len(pairs)] = torch.stack(list(trainer.compute_ref_log_probs(model, batch)))
    chosen, rejected = summed(trainer, found).tolist()
    return [
        {"pair_id": pair_id, "chosen_logp": c, "rejected_logp": r}
        for pair_id, c, r in zip(dataset["id"], chosen, rejected, strict=True)
    ]
