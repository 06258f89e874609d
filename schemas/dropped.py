"""Every row that was not kept, under its own id, with the reason."""

import pyarrow as pa

from schemas.table import column, expect, names, table, text

DROPPED = table(
    "dropped",
    "a row that was not kept, and why",
    column("table", pa.string(), "the table the row belongs or would have belonged to"),
    column("stage", pa.string(), "the stage that dropped it"),
    text("reason", "why: a rule, a filter, or an expectation's name"),
    column("figure", pa.float64(), "what was measured, if anything was", nullable=True),
    column("threshold", pa.float64(), "what it was held against", nullable=True),
    column("text", pa.string(), "the row's text, for those who look", nullable=True),
    names(
        "parents",  # of any table
        meaning="what the row was made of, if it was never written; null where its own table says it, or if nothing",
        several=True,
        nullable=True,
    ),
    also=(expect("ExpectColumnValuesToMatchRegex", column="table", regex="^(?:inputs/)?[a-z]+(?:_[a-z]+)*$"),),
    later="few-shots and training of later rounds",
    unique_ids=False,  # a row may be dropped for several reasons
)
