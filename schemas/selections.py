"""Questions whose label is trusted and which still teach: inside the band, apart from every benchmark."""

import pyarrow as pa

from schemas.table import column, table

SELECTIONS = table(
    "selections",
    column("question_id", pa.string(), "the question"),
    column("verdict_id", pa.string(), "the verdict that labels it"),
    column("text", pa.string(), "the question's text; a few-shot of later rounds once this round is promoted"),
    column("answer", pa.string(), "the verdict's answer"),
    column("agreement", pa.float64(), "share of attempts behind it"),
)

CONTAMINATION = table(
    "contamination",
    column("row_id", pa.string(), "the question or seed that hit"),
    column("kind", pa.string(), "exact, ngram or near"),
    column("set_name", pa.string(), "the protected set: probe, or a benchmark's name"),
    column("protected_id", pa.string(), "the protected row"),
    column("span", pa.string(), "the text that matched"),
    column("score", pa.float64(), "1 for exact and ngram, ROUGE-L F1 for near"),
)
