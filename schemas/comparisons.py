"""What a judge of pairs said: which of two attempts is better, how often, and how often that was right."""

import pyarrow as pa

from schemas.table import (
    ENDED_OR_UNANSWERED,
    VERIFIED,
    about,
    between,
    column,
    count,
    limited,
    mean,
    names,
    table,
    text,
)

COMPARISONS = table(
    "comparisons",
    "a judge's comparison of two attempts at a question, in one order",
    about("first_id", "attempts", meaning="the attempt that was shown first"),
    about("second_id", "attempts", meaning="the other"),
    column("sample", pa.int32(), "comparison of these two in this order, from 0"),
    text("prompt", "the prompt as the judge saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion; 0 without an answer", least=0),
    ENDED_OR_UNANSWERED,
    column("prefers_first", pa.bool_(), "whether the first is better; null: undecided", nullable=True),
    column("checkpoint", pa.string(), "digest of the weights that judged; MODEL@REVISION of a teacher"),
    VERIFIED,
)

PREFERENCES = table(
    "preferences",
    "how often a judge prefers an attempt over another at its question",
    about("attempt_id", "attempts", meaning="the attempt"),
    about("other_id", "attempts", meaning="what it was compared with, in both orders"),
    column(
        "chance",
        pa.float64(),
        "mean over both orders of how often the attempt is preferred, of the comparisons that could be read, a half "
        "where none could; null if none could in either order",
        nullable=True,
    ),
    also=(between("chance", 0, 1),),
)

PROBE_PREFERENCES = table(
    "probe_preferences",
    "a judge's preference between a right and a wrong attempt at a probe row",
    about("attempt_id", "attempts", meaning="the right attempt"),
    names("other_id", "attempts", meaning="the wrong one"),
    names("question_id", "inputs/probe", meaning="their question"),
    column("chance", pa.float64(), "how often the right one is preferred; null if undecided", nullable=True),
    column("correct", pa.bool_(), "whether it is more often than not; null at a half, or undecided", nullable=True),
    also=(between("chance", 0, 1),),
    whole=lambda limits: limited(limits, "min_judge_precision", lambda least: mean("correct", least)),
)
