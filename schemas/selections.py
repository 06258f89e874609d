"""Questions whose label is trusted and which still teach: inside the band, apart from every benchmark."""

import pyarrow as pa

from schemas.table import about, column, one_of, parent, share, table, text

SELECTIONS = table(
    "selections",
    "a question with a label to train on",
    about("question_id", "questions", meaning="the question"),
    parent("verdict_id", "verdicts", meaning="the verdict that labels it"),
    column("question", pa.string(), "the question's text; a few-shot of later rounds once this round is promoted"),
    text("answer", "the verdict's answer"),
    share("agreement", "share of attempts behind it"),
    later="few-shots of later rounds",
)

CONTAMINATION = table(
    "contamination",
    "a row that touches a benchmark or the probe",
    about("row_id", "questions", "inputs/seeds", "inputs/gold", meaning="the question or seed that hit"),
    one_of("kind", "exact, ngram or near", "exact", "ngram", "near"),
    column("set_name", pa.string(), "the protected set: probe, or a benchmark's name"),
    parent("protected_id", "inputs/probe", "inputs/benchmark_items", meaning="the protected row"),
    column("span", pa.string(), "the text that matched"),
    share("score", "1 for exact and ngram, ROUGE-L F1 for near"),
)
