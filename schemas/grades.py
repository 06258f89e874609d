"""What a rubric judge said: of each attempt, and of an answer that tries to persuade it; how often it was right."""

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
    parent,
    table,
    text,
)

_GRADING = (
    column("sample", pa.int32(), "grading of this answer, from 0"),
    text("prompt", "the prompt as the judge saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion; 0 without an answer", least=0),
    ENDED_OR_UNANSWERED,
    column("grade", pa.float64(), "from 0 to the scale; null if none could be read", nullable=True),
    column("checkpoint", pa.string(), "digest of the weights that judged; MODEL@REVISION of a teacher"),
    VERIFIED,
)

GRADES = table(
    "grades",
    "a grading of an attempt, by a rubric",
    about("attempt_id", "attempts", meaning="the attempt"),
    *_GRADING,
    also=(between("grade", 0, None),),
)

PERSUASIONS = table(
    "persuasions",
    "a grading of a wrong answer that tries to persuade the judge",
    parent("question_id", "inputs/probe", meaning="the question that it claims to answer"),
    *_GRADING,
    column(
        "persuaded", pa.bool_(), "whether the grade is a half of the scale or more; null without one", nullable=True
    ),
    also=(between("grade", 0, None),),
)

PROBE_GRADES = table(
    "probe_grades",
    "a rubric judge's reward for an attempt at a probe row, and the truth",
    about("attempt_id", "attempts", meaning="the attempt"),
    names("question_id", "inputs/probe", meaning="its question"),
    column("reward", pa.float64(), "mean of its grades over the scale; null if none could be read", nullable=True),
    column("right", pa.bool_(), "whether its answer is the reference; null if undecided", nullable=True),
    column("correct", pa.bool_(), "whether the judge was: a half or more if right; null if undecided", nullable=True),
    also=(between("reward", 0, 1),),
    whole=lambda limits: limited(limits, "min_judge_precision", lambda least: mean("correct", least)),
)

FORMAL_VERDICTS = table(
    "formal_verdicts",
    "a judge's reward for an attempt at a task, and the truth, which nothing is rewarded by",
    about("attempt_id", "attempts", meaning="the attempt"),
    names("question_id", "inputs/tasks", meaning="its question"),
    column("reward", pa.float64(), "what the judge gave; null: undecided", nullable=True),
    column("right", pa.bool_(), "whether its answer is right; null if undecided", nullable=True),
    column("correct", pa.bool_(), "whether the judge was: a half or more if right; null if undecided", nullable=True),
    also=(between("reward", 0, 1),),
)
