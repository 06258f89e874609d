"""The vote on each question, and on each probe row, where it is held against the truth."""

import pyarrow as pa

from schemas.table import column, table

_VOTE = (
    column("question_id", pa.string(), "the question voted on"),
    column(
        "answer",
        pa.string(),
        "what most attempts agree on; null on a tie or without valid answers",
        nullable=True,
    ),
    column("votes", pa.int32(), "attempts behind the answer (behind the leading class, if tied)"),
    column("num_attempts", pa.int32(), "attempts in all"),
    column("num_planned", pa.int32(), "attempts the recipe asks for; more than num_attempts: solve stopped early"),
    column("num_valid", pa.int32(), "attempts with a usable answer"),
    column("agreement", pa.float64(), "votes over all attempts"),
    column("agreement_valid", pa.float64(), "votes over valid attempts; 0 if there are none"),
    column(
        "classes",
        pa.list_(pa.struct([("answer", pa.string()), ("count", pa.int32())])),
        "classes, largest first",
    ),
    column("tied", pa.bool_(), "two classes share the lead: no verdict"),
    column("undecided", pa.int32(), "checks that timed out"),
)

VERDICTS = table("verdicts", *_VOTE)

PROBE_VERDICTS = table(
    "probe_verdicts",
    *_VOTE,
    column("reference", pa.string(), "the true answer"),
    column(
        "correct",
        pa.bool_(),
        "whether the vote found it; null without a verdict or if undecided",
        nullable=True,
    ),
)
