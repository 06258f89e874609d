"""What was read from each attempt."""

import pyarrow as pa

from schemas.table import about, column, limited, mean, names, one_of, table

SOURCES = ("pattern", "boxed", "hash", "tag", "line", "phrase", "formula", "last_number", "none")
"""Where an answer may stand in an attempt, in the order in which it is looked for (docs/answers.md)."""

ANSWERS = table(
    "answers",
    "what was read from an attempt",
    about("attempt_id", "attempts", meaning="the attempt"),
    names("question_id", "questions", "inputs/unlabelled", "inputs/probe", "inputs/gold", meaning="its question"),
    column("answer", pa.string(), "the final answer as written; null if there is none", nullable=True),
    column("canonical", pa.string(), "its normal form", nullable=True),
    one_of("source", f"where it stood: {', '.join(SOURCES)}", *SOURCES),
    column("valid", pa.bool_(), "whether it voted"),
    column("invalid_reason", pa.string(), "truncated or unparsable", nullable=True),
    column("answer_class", pa.int32(), "class in the verdict's order; -1 for none"),
    whole=lambda limits: limited(limits, "max_unparsable", lambda most: mean("valid", 1 - most)),
)
