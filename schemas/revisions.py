"""What the model wrote of its own first solutions: verdicts, and other solutions."""

import pyarrow as pa

from schemas.table import ENDED, TOKENS, VERIFIED, column, count, parent, table, text

REVISIONS = table(
    "revisions",
    "a verdict of the solver's on its own first solution, or another solution, after the verdict that it is wrong",
    parent("attempt_id", "attempts", meaning="the attempt that begins with the first solution"),
    parent("verdict_id", "revisions", meaning="the verdict it goes on from; null for a verdict", nullable=True),
    column("sample", pa.int32(), "which sample of this first solution, from 0"),
    text("prompt", "the prompt as the model saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion"),
    ENDED,
    *TOKENS,
    column("checkpoint", pa.string(), "digest of the weights that wrote it"),
    VERIFIED,
)
