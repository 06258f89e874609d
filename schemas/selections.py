"""Questions whose label is trusted and which still teach: inside the band, apart from every benchmark."""

import pyarrow as pa

from schemas.table import about, column, parent, share, table, text

SELECTIONS = table(
    "selections",
    "a question with a label to train on",
    about("question_id", "questions", "inputs/unlabelled", meaning="the question"),
    parent("verdict_id", "verdicts", meaning="the verdict that labels it"),
    column("question", pa.string(), "the question's text; a few-shot of later rounds once this round is promoted"),
    text("answer", "the verdict's answer"),
    share("agreement", "share of attempts behind it"),
    later="few-shots of later rounds",
)
