"""What the judge read from each attempt, and the reward the vote gave it."""

import pyarrow as pa

from schemas.table import column, table

SOURCES = ("pattern", "boxed", "hash", "tag", "line", "phrase", "formula", "last_number", "none")
"""Where an answer may stand in an attempt, in the order in which it is looked for (docs/answers.md)."""

ANSWERS = table(
    "answers",
    column("attempt_id", pa.string(), "the attempt"),
    column("question_id", pa.string(), "its question"),
    column("answer", pa.string(), "the final answer as written; null if there is none", nullable=True),
    column("canonical", pa.string(), "its normal form", nullable=True),
    column("source", pa.string(), f"where it stood: {', '.join(SOURCES)}"),
    column("valid", pa.bool_(), "whether it voted"),
    column("invalid_reason", pa.string(), "truncated or unparsable", nullable=True),
    column("answer_class", pa.int32(), "class in the verdict's order; -1 for none"),
    column(
        "reward",
        pa.float64(),
        "1 if it agrees with the verdict, else 0; null without a verdict or if the check timed out",
        nullable=True,
    ),
)
