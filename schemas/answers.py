"""What the judge read from each attempt, and the reward the vote gave it."""

import pyarrow as pa

from schemas.table import about, column, expect, mean, names, one_of, table

SOURCES = ("pattern", "boxed", "hash", "tag", "line", "phrase", "formula", "last_number", "none")
"""Where an answer may stand in an attempt, in the order in which it is looked for (docs/answers.md)."""

RIGHT_OR_WRONG = expect("ExpectColumnValuesToBeInSet", column="reward", value_set=[0.0, 1.0])

ANSWERS = table(
    "answers",
    "what was read from an attempt",
    about("attempt_id", "attempts", meaning="the attempt"),
    names("question_id", "questions", "inputs/probe", meaning="its question"),
    column("answer", pa.string(), "the final answer as written; null if there is none", nullable=True),
    column("canonical", pa.string(), "its normal form", nullable=True),
    one_of("source", f"where it stood: {', '.join(SOURCES)}", *SOURCES),
    column("valid", pa.bool_(), "whether it voted"),
    column("invalid_reason", pa.string(), "truncated or unparsable", nullable=True),
    column("answer_class", pa.int32(), "class in the verdict's order; -1 for none"),
    column(
        "reward",
        pa.float64(),
        "1 if it agrees with the verdict, else 0; null without a verdict or if the check timed out",
        nullable=True,
    ),
    also=(RIGHT_OR_WRONG,),
    whole=lambda limits: [mean("valid", 1 - limits.max_unparsable)],
)
