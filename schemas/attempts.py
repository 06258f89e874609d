"""Every answer the solver gave, to new questions and to the probe's alike."""

import pyarrow as pa

from schemas.table import ENDED, TOKENS, VERIFIED, column, count, parent, table, text

ATTEMPTS = table(
    "attempts",
    "an answer of the solver's to a question",
    parent(
        "question_id",
        "questions",
        "inputs/unlabelled",
        "inputs/probe",
        "inputs/seeds",
        "inputs/gold",
        "inputs/tasks",
        meaning="the question (or probe row) attempted",
    ),
    column("sample", pa.int32(), "attempt of this question, from 0"),
    column("num_planned", pa.int32(), "attempts the recipe asks for; fewer were made if it stopped early"),
    text("prompt", "the prompt as the model saw it; a teacher's, as the student will"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion"),
    ENDED,
    *TOKENS,
    column("checkpoint", pa.string(), "digest of the weights that answered; MODEL@REVISION of a teacher"),
    VERIFIED,
    watched=("num_tokens",),
)
