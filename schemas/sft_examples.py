"""What supervised fine-tuning reads, in TRL's columns."""

import pyarrow as pa

from schemas.table import column, table

SFT_EXAMPLES = table(
    "sft_examples",
    column("question_id", pa.string(), "the question, or the gold row"),
    column("attempt_id", pa.string(), "the agreeing attempt; null if the completion is gold", nullable=True),
    column("prompt", pa.string(), "the solver's prompt"),
    column("completion", pa.string(), "the attempt's text, or the gold solution"),
    column("agreement", pa.float64(), "share of attempts behind its answer; 1 for gold"),
)
