"""Every answer the solver gave, to new questions and to the probe's alike."""

import pyarrow as pa

from schemas.table import VERIFIED, column, table

ATTEMPTS = table(
    "attempts",
    column("question_id", pa.string(), "the question (or probe row) attempted"),
    column("sample", pa.int32(), "attempt of this question, from 0"),
    column("num_planned", pa.int32(), "attempts the recipe asks for; fewer were made if it stopped early"),
    column("prompt", pa.string(), "the prompt as the model saw it; a teacher's, as the student will"),
    column("text", pa.string(), "the completion"),
    column("num_tokens", pa.int32(), "tokens of the completion"),
    column("finish_reason", pa.string(), "stop or length"),
    column("checkpoint", pa.string(), "digest of the weights that answered; MODEL@REVISION of a teacher"),
    VERIFIED,
)
