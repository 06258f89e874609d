"""Rows that touch a benchmark or the probe: what they repeat, and where."""

import pyarrow as pa

from schemas.table import about, column, one_of, parent, share, table

CONTAMINATION = table(
    "contamination",
    "a row that touches a benchmark or the probe",
    about(
        "row_id",
        "questions",
        "inputs/seeds",
        "inputs/unlabelled",
        "inputs/gold",
        "inputs/documents",
        "inputs/tasks",
        meaning="the question or input that hit",
    ),
    one_of("kind", "exact, ngram or near", "exact", "ngram", "near"),
    column("set_name", pa.string(), "the protected set: probe, or a benchmark's name"),
    parent("protected_id", "inputs/probe", "inputs/benchmark_items", meaning="the protected row"),
    column("span", pa.string(), "the text that matched"),
    share("score", "1 for exact and ngram, ROUGE-L F1 for near"),
)
