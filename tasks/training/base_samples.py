"""Answers of the base beside pairs, for a loss that makes them likelier: joined by question."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.errors import ValidationFailed
from tasks.training.tokens import log_probabilities, padded

if TYPE_CHECKING:
    from torch import Tensor

TEXT, ENDED, SAMPLE_IDS = "base_sample", "base_sample_ended", "base_sample_ids"


def with_base_samples(pairs: pa.Table, samples: pa.Table) -> pa.Table:
    """Each pair with the base's answer to its question, whether that ended by itself, and its tokens.

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
    columns = {TEXT: pa.array(texts, pa.string()), ENDED: pa.array(ended, pa.bool_())}
    columns |= {SAMPLE_IDS: pa.array([row["token_ids"] for row in found], pa.list_(pa.int32()))}
    for name, column in columns.items():
        pairs = pairs.append_column(name, column)
    return pairs


def sample_batch(pairs: Sequence[dict[str, Any]]) -> "dict[str, Tensor]":
    """The base's answers to a batch of pairs, as `log_probabilities` takes them."""
    return padded([{"prompt_ids": pair["prompt_ids"], "completion_ids": pair[SAMPLE_IDS]} for pair in pairs])


def sample_logp(model: Any, batch: "dict[str, Tensor]") -> "Tensor":
    """Log-probability of each of them under the model, summed over its tokens."""
    return log_probabilities(model, batch)[0].sum(dim=1)
