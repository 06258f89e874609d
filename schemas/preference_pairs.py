"""What preference training reads, in TRL's columns."""

import pyarrow as pa

from schemas.table import column, table

PREFERENCE_PAIRS = table(
    "preference_pairs",
    column("question_id", pa.string(), "the question, or the gold row"),
    column(
        "chosen_attempt_id",
        pa.string(),
        "an attempt that agrees with the verdict; null if gold is chosen",
        nullable=True,
    ),
    column("rejected_attempt_id", pa.string(), "a valid attempt that does not, or any attempt at a gold question"),
    column("prompt", pa.string(), "the solver's prompt"),
    column("chosen", pa.string(), "text of the agreeing attempt, or the gold solution"),
    column("rejected", pa.string(), "text of the other"),
    column("agreement", pa.float64(), "share of attempts behind the verdict; 1 for gold"),
    column(
        "chosen_winrate",
        pa.float64(),
        "how often the chosen attempt wins against all valid attempts at the question; 1 for gold",
    ),
    column("rejected_winrate", pa.float64(), "the same of the rejected attempt"),
    column("pair_winrate", pa.float64(), "how often the chosen attempt wins against the rejected one; 1 by votes"),
)
