"""What the base answers to the round's selected questions, for a loss that pulls to the base by its own samples."""

import pyarrow as pa

from schemas.table import ENDED, TOKENS, VERIFIED, about, column, count, table, text

BASE_SAMPLES = table(
    "base_samples",
    "an answer of the base's to a selected question",
    about("question_id", "questions", "inputs/unlabelled", meaning="the selected question"),
    text("prompt", "the solver's prompt"),
    column("text", pa.string(), "the base's answer, one a question"),
    count("num_tokens", "tokens of the answer"),
    ENDED,
    *TOKENS,
    column("checkpoint", pa.string(), "digest of the base"),
    VERIFIED,
    later="later training, while the round is held",
)
