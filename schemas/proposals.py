"""What the proposer wrote: one row a completion, before anything is parsed."""

import pyarrow as pa

from schemas.table import ENDED, TOKENS, VERIFIED, column, parent, table

PROPOSALS = table(
    "proposals",
    "a completion of the proposer's",
    column("wave", pa.int32(), "wave of prompts, from 0"),
    column("prompt_index", pa.int32(), "prompt within the wave, from 0"),
    parent(
        "shown_ids",
        "inputs/seeds",
        "selections",
        "inputs/documents",
        "questions",
        meaning="ids of the few-shots shown, in order, or of the document or the question that it varies",
        several=True,
    ),
    column("prompt", pa.string(), "the prompt as the model saw it; a teacher's, as the student would"),
    column("text", pa.string(), "the completion"),
    column("num_tokens", pa.int32(), "tokens of the completion"),
    ENDED,
    *TOKENS,
    VERIFIED,
)
