"""What a model says of the tokens of prompts and completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.engines.device import device_and_dtype

if TYPE_CHECKING:
    from torch import Tensor

Row = dict[str, Any]
PER_TOKEN = ("old_logps", "reference_logps", "advantages")  # columns with a value a completion token


def padded(rows: Sequence[Row]) -> dict[str, Tensor]:
    """A batch of rows with `prompt_ids` and `completion_ids`, padded on the right; `labels` are -100 but for
    completions. Columns of PER_TOKEN come as (rows, tokens - 1), each value where the token before it stands, as
    `log_probabilities` gives them."""
    import torch

    length = max(len(row["prompt_ids"]) + len(row["completion_ids"]) for row in rows)
    columns = [name for name in PER_TOKEN if rows[0].get(name) is not None]
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    attention, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    values = {name: torch.zeros(len(rows), length - 1) for name in columns}
    for i, row in enumerate(rows):
        begin = len(row["prompt_ids"])
        end = begin + len(row["completion_ids"])
        ids[i, :end] = torch.tensor([*row["prompt_ids"], *row["completion_ids"]])
        attention[i, :end] = 1
        labels[i, begin:end] = ids[i, begin:end]
        for name in columns:
            values[name][i, begin - 1 : end - 1] = torch.tensor(row[name])
    return {"input_ids": ids, "attention_mask": attention, "labels": labels} | values


def with_log_probabilities(model: Any) -> Any:
    """The model, able to give log-probabilities and entropies without keeping its logits."""
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    return model


def log_probabilities(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Log-probability of each completion token, and the entropy it was drawn from, in nats: (rows, tokens - 1), zero
    where the next token is none of the completion's."""
    asked = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    outputs = model(**asked, use_cache=False, fused_lm_head=True)
    return outputs.log_probs, outputs.entropy


def logps_of(model: Any, rows: Sequence[Row], at_once: int) -> list[list[float]]:
    """A list a row: what a fixed model says of each completion token. Rows of like length go together."""
    import torch

    device, dtype = device_and_dtype()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["prompt_ids"]) + len(rows[i]["completion_ids"]))
    found: list[list[float]] = [[]] * len(rows)
    model.to(device).eval()
    for first in range(0, len(order), at_once):
        places = order[first : first + at_once]
        batch = {name: tensor.to(device) for name, tensor in padded([rows[i] for i in places]).items()}
        with torch.no_grad(), torch.autocast(device, dtype, enabled=dtype != torch.float32):
            logps = log_probabilities(model, batch)[0].float().cpu()
        for i, line, mask in zip(places, logps, batch["labels"][:, 1:].cpu() != -100, strict=True):
            found[i] = line[mask].tolist()
    return found
