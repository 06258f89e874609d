"""Every answer to a benchmark item, right or wrong."""

import pyarrow as pa

from schemas.table import VERIFIED, column, table

EVALUATIONS = table(
    "evaluations",
    column("benchmark", pa.string(), "name of the benchmark"),
    column("item_id", pa.string(), "the benchmark item"),
    column("checkpoint", pa.string(), "digest of the weights that answered"),
    column("greedy", pa.bool_(), "greedy, or sampled for mean@k"),
    column("sample", pa.int32(), "0 for greedy; sample of the item, from 0"),
    column("text", pa.string(), "the completion"),
    column("answer", pa.string(), "the final answer read from it", nullable=True),
    column("reference", pa.string(), "the true answer"),
    column("correct", pa.bool_(), "whether they are equal; null if the check was undecided", nullable=True),
    column("num_tokens", pa.int32(), "tokens of the completion"),
    column("finish_reason", pa.string(), "stop or length"),
    VERIFIED,
)
