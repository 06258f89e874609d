"""The vote on each question, and on each probe row, where it is held against the truth."""

import pyarrow as pa

from schemas.table import about, between, column, limited, mean, no_less, share, table, text

_VOTE = (
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
    share("agreement", "votes over all attempts"),
    column("agreement_valid", pa.float64(), "votes over valid attempts; 0 if there are none"),
    column(
        "classes",
        pa.list_(pa.struct([("answer", pa.string()), ("count", pa.int32())])),
        "classes, largest first",
    ),
    column("tied", pa.bool_(), "two classes share the lead: no verdict"),
    column("undecided", pa.int32(), "checks that timed out"),
)

VERDICTS = table(
    "verdicts",
    "the vote on a question",
    about("question_id", "questions", "inputs/unlabelled", meaning="the question voted on"),
    *_VOTE,
    also=(
        between("agreement_valid", 0, 1),
        no_less("num_attempts", "num_valid"),
        no_less("num_planned", "num_attempts"),
    ),
    watched=("agreement",),
)

PROBE_VERDICTS = table(
    "probe_verdicts",
    "the vote on a probe row",
    about("question_id", "inputs/probe", meaning="the question voted on"),
    *_VOTE,
    text("reference", "the true answer"),
    column(
        "correct",
        pa.bool_(),
        "whether the vote found it; null without a verdict or if undecided",
        nullable=True,
    ),
    whole=lambda limits: limited(limits, "min_vote_precision", lambda least: mean("correct", least)),
)
