"""What preference training reads, in TRL's columns."""

import pyarrow as pa

from schemas.table import column, table

PREFERENCE_PAIRS = table(
    "preference_pairs",
    column("question_id", pa.string(), "the question"),
    column("chosen_attempt_id", pa.string(), "an attempt that agrees with the verdict"),
    column("rejected_attempt_id", pa.string(), "a valid attempt that does not"),
    column("prompt", pa.string(), "the solver's prompt"),
    column("chosen", pa.string(), "text of the agreeing attempt"),
    column("rejected", pa.string(), "text of the other"),
    column("agreement", pa.float64(), "share of attempts behind the verdict"),
)
