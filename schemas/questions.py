"""New questions that were admitted: well-formed, within the rules, and new."""

import pyarrow as pa

from schemas.table import column, table

QUESTIONS = table(
    "questions",
    column("proposal_id", pa.string(), "the proposal it was parsed from"),
    column("item", pa.int32(), "its place in that proposal, from 0"),
    column("position", pa.int32(), "its place in the round's serial admission, from 0"),
    column("text", pa.string(), "the question"),
    column(
        "nearest_score",
        pa.float64(),
        "novelty score against all earlier questions: exact at the threshold or above it, else an upper bound (the "
        "threshold itself; 0 if it shares no word with them)",
    ),
    column(
        "nearest_id", pa.string(), "the question behind that score; null where it is an upper bound", nullable=True
    ),
)
