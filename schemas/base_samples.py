"""What the base answers to the round's selected questions, for a loss that pulls to the base by its own samples."""

import pyarrow as pa

from schemas.table import VERIFIED, column, table

BASE_SAMPLES = table(
    "base_samples",
    column("question_id", pa.string(), "the selected question"),
    column("prompt", pa.string(), "the solver's prompt"),
    column("text", pa.string(), "the base's answer, one a question"),
    column("num_tokens", pa.int32(), "tokens of the answer"),
    column("finish_reason", pa.string(), "stop or length"),
    column("checkpoint", pa.string(), "digest of the base"),
    VERIFIED,
)
