"""Answers of the base beside pairs, for a loss that makes them likelier: joined by question, then as tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.errors import ValidationFailed
from tasks.training.tokens import log_probabilities, padded, tokens_of

if TYPE_CHECKING:
    from torch import Tensor

TEXT, ENDED = "base_sample", "base_sample_ended"
TOKENS = ("base_sample_prompt_ids", "base_sample_completion_ids")


def with_base_samples(pairs: pa.Table, samples: pa.Table) -> pa.Table:
    """Each pair with the base's answer to its question, and whether that ended by itself.

    Raises ValidationFailed for pairs of rounds that did not ask the base.
    """
    by_question = {row["question_id"]: row for row in samples.to_pylist()}
    asked = pairs["question_id"].to_pylist()
    if missing := [question for question in asked if question not in by_question]:
        raise ValidationFailed(
            f"train: the base did not answer the questions of {len(missing):,} pairs, first {missing[0]}; leave out "
            "rounds that did not ask it: train.use_held_rounds = false and train.previous_rounds = 0"
        )
    found = [by_question[question] for question in asked]
    texts, ended = [row["text"] for row in found], [row["finish_reason"] == "stop" for row in found]
    return pairs.append_column(TEXT, pa.array(texts, pa.string())).append_column(ENDED, pa.array(ended, pa.bool_()))


def with_tokens(rows: pa.Table, tokenizer: Any, max_length: int) -> pa.Table:
    """The rows with prompt and answer of the base as tokens; as they are, where the base was not asked."""
    if TEXT not in rows.column_names:
        return rows
    pairs = rows.select(["prompt", TEXT, ENDED]).to_pylist()
    told = [tokens_of(tokenizer, row["prompt"], row[TEXT], row[ENDED], max_length) for row in pairs]
    for name, ids in zip(TOKENS, zip(*told, strict=True), strict=True):
        rows = rows.append_column(name, pa.array(ids, pa.list_(pa.int64())))
    return rows


def sample_batch(pairs: Sequence[dict[str, Any]]) -> "dict[str, Tensor]":
    """The base's answers to a batch of pairs, as `log_probabilities` takes them."""
    prompt, completion = TOKENS
    return padded([{"prompt_ids": pair[prompt], "completion_ids": pair[completion]} for pair in pairs])


def sample_logp(model: Any, batch: "dict[str, Tensor]") -> "Tensor":
    """Log-probability of each of them under the model, summed over its tokens."""
    return log_probabilities(model, batch)[0].sum(dim=1)
