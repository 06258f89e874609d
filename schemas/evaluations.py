"""Every answer to a benchmark item, right or wrong."""

import pyarrow as pa

from schemas.table import ENDED_OR_UNANSWERED, VERIFIED, column, count, parent, table, text

EVALUATIONS = table(
    "evaluations",
    "an answer to a benchmark item",
    column("benchmark", pa.string(), "name of the benchmark"),
    parent("item_id", "inputs/benchmark_items", meaning="the benchmark item"),
    column("checkpoint", pa.string(), "digest of the weights that answered"),
    column("greedy", pa.bool_(), "what the gate compares: greedy, or a whole game; false: sampled for mean@k"),
    column("sample", pa.int32(), "0 for greedy; sample of the item, from 0"),
    column("text", pa.string(), "the completion"),
    column("answer", pa.string(), "the final answer read from it", nullable=True),
    text("reference", "the true answer"),
    column(
        "correct",
        pa.bool_(),
        "whether they are equal; null if the check was undecided; false without an answer, whoever was asked",
        nullable=True,
    ),
    count("num_tokens", "tokens of the completion; 0 without an answer", least=0),
    ENDED_OR_UNANSWERED,
    VERIFIED,
    later="comparisons with the same weights in later rounds",
)
