"""What a judge gave to what a model wrote: the one table that pairs, examples and advantages are made from."""

import pyarrow as pa

from schemas.table import about, column, table, text

REWARDS = table(
    "rewards",
    "what a judge gave to what a model wrote",
    about("row_id", "attempts", "turns", "proposals", "appraisals", meaning="what was judged"),
    text("judge", "who judged: vote, ..."),
    column("reward", pa.float64(), "the more the better; null: undecided", nullable=True),
)
