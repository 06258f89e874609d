"""Every row that was not kept, under its own id, with the reason."""

import pyarrow as pa

from schemas.table import column, table

DROPPED = table(
    "dropped",
    column("table", pa.string(), "the table the row belongs or would have belonged to"),
    column("stage", pa.string(), "the stage that dropped it"),
    column("reason", pa.string(), "why: a rule, a filter, or an expectation's name"),
    column("figure", pa.float64(), "what was measured, if anything was", nullable=True),
    column("threshold", pa.float64(), "what it was held against", nullable=True),
    column("text", pa.string(), "the row's text, for those who look", nullable=True),
)
