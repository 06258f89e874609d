"""What the proposer wrote: one row a completion, before anything is parsed."""

import pyarrow as pa

from schemas.table import VERIFIED, column, table

PROPOSALS = table(
    "proposals",
    column("wave", pa.int32(), "wave of prompts, from 0"),
    column("prompt_index", pa.int32(), "prompt within the wave, from 0"),
    column("fewshot_ids", pa.list_(pa.string()), "ids of the questions shown, in order"),
    column("prompt", pa.string(), "the prompt as the model saw it; a teacher's, as the student would"),
    column("text", pa.string(), "the completion"),
    column("num_tokens", pa.int32(), "tokens of the completion"),
    column("finish_reason", pa.string(), "stop or length"),
    VERIFIED,
)
