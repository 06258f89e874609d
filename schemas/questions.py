"""New questions that were admitted: well-formed, within the rules, and new."""

import pyarrow as pa

from schemas.table import column, names, parent, share, table, text, unique

QUESTIONS = table(
    "questions",
    "a new question that was admitted",
    parent("proposal_id", "proposals", meaning="the proposal it was parsed from"),
    column("item", pa.int32(), "its place in that proposal, from 0"),
    column("position", pa.int32(), "its place in the round's serial admission, from 0"),
    text("question", "the question"),
    share(
        "nearest_score",
        "novelty score against all earlier questions: exact at the threshold or above it, else an upper bound (the "
        "threshold itself; 0 if it shares no word with them)",
    ),
    names(
        "nearest_id",
        "inputs/seeds",
        "questions",
        meaning="the question behind that score; null where it is an upper bound",
        nullable=True,
    ),
    also=(unique("question"),),
    later="novelty of every later round",
    watched=("question",),
)

TRAINED_QUESTION = parent(
    "question_id", "questions", "inputs/seeds", "inputs/unlabelled", "inputs/gold",
    meaning="the question: a new one, a seed, one of the user's, or a gold row",
)  # fmt: skip
"""Of rows to train on."""
