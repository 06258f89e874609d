"""A batch decoded by transformers' `generate`, a piece at a time: rows that have ended leave it between two."""

from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch

from schemas.settings import Sampling
from tasks.engines.noise import RowKeyedSampling

PIECE = 16  # tokens between two looks at which rows have ended


@dataclass
class Row:
    """What was decoded of one sample."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    ended: bool = False

    def extend(self, tokens: list[int], logprobs: list[float], ends: frozenset[int]) -> None:
        """Up to the first token that ends it, which is one of them."""
        end = next((i for i, token in enumerate(tokens) if token in ends), None)
        self.ended = end is not None
        self.tokens += tokens[: None if end is None else end + 1]
        self.logprobs += logprobs[: None if end is None else end + 1]


def decode(
    model: Any,
    ids: torch.Tensor,
    mask: torch.Tensor,
    seeds: torch.Tensor,
    sampling: Sampling,
    ends: frozenset[int],
    *,
    cache: Any = None,
    logprobs: bool = False,
) -> list[Row]:
    """What follows each prompt. `ids` and `mask`: (rows, length), padded on the left; `cache`: the prompts up to
    their last token, if they have been read. A row's noise is its own, so that who leaves changes no sample; not so
    with a `rope_type` of longrope or dynamic, whose angles go by the batch's longest row."""
    from transformers import LogitsProcessorList

    length = ids.shape[1]
    piece = PIECE if continues(model) else sampling.max_tokens
    rows = under_way = [Row() for _ in ids]
    while under_way:
        room = length + sampling.max_tokens - ids.shape[1]
        drawn = RowKeyedSampling(sampling, seeds, length, logprobs=[] if logprobs else None)
        made = model.generate(
            ids,
            attention_mask=mask,
            past_key_values=cache,
            generation_config=_piece(min(piece, room), ends, model.generation_config.pad_token_id),
            logits_processor=LogitsProcessorList([drawn]),
        )
        new, cache = made.sequences[:, ids.shape[1] :], made.past_key_values
        told = torch.stack(drawn.logprobs, -1).tolist() if drawn.logprobs else [[]] * len(under_way)
        for row, tokens, its in zip(under_way, new.tolist(), told, strict=True):
            row.extend(tokens, its, ends)
        if room <= piece:
            break
        left = [i for i, row in enumerate(under_way) if not row.ended]
        under_way = [under_way[i] for i in left]
        kept = torch.tensor(left, device=ids.device, dtype=torch.long)
        ids, seeds = made.sequences[kept], seeds[kept]
        mask = torch.cat([mask[kept], mask.new_ones(len(left), new.shape[1])], -1)
        if len(left) < len(new):
            cache.reorder_cache(kept)  # hybrid models' caches have this way alone to keep some rows
    return rows


def continues(model: Any) -> bool:
    """Whether `generate` may go on from a cache that it is handed."""
    return model._supports_default_dynamic_cache() and "past_key_values" in signature(model.forward).parameters


def _piece(tokens: int, ends: frozenset[int], pad: int) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,  # the noise is in the logits
        max_new_tokens=tokens,
        eos_token_id=sorted(ends),
        pad_token_id=pad,
        return_dict_in_generate=True,
    )
