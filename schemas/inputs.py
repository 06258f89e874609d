"""The rows a user brings, as they were when the round began."""

import pyarrow as pa

from schemas.table import PROMPT_IDS, column, table, text

_SOURCE_ROW = column("source_row", pa.int64(), "its row in the user's file, from 0")

SEEDS = table(
    "inputs/seeds",
    "a question of the user's, shown to the proposer",
    text("question", "text of the problem, white space trimmed"),
    _SOURCE_ROW,
)

UNLABELLED = table(
    "inputs/unlabelled",
    "a question of the user's that the solver answers; no answer is known",
    text("question", "text of the problem, white space trimmed"),
    _SOURCE_ROW,
)

PROBE = table(
    "inputs/probe",
    "a question of known answer, asked blind among the new ones",
    text("question", "text of the problem"),
    text("reference", "its true answer; read only to measure the vote"),
    _SOURCE_ROW,
    protected=True,
)

GOLD = table(
    "inputs/gold",
    "a question with the user's worked solution",
    text("question", "text of the problem"),
    text("prompt", "what the solver is asked"),
    PROMPT_IDS,
    text("completion", "the user's worked solution, white space around it trimmed"),
    _SOURCE_ROW,
)

DOCUMENTS = table(
    "inputs/documents",
    "a document of the user's, from which questions with their answers are written",
    text("text", "the document, white space around it trimmed"),
    column("licence", pa.string(), "its licence, if the user's file names one", nullable=True),
    _SOURCE_ROW,
)

TASKS = table(
    "inputs/tasks",
    "a question of a generator's, with an exact check of its answers",
    text("question", "text of the problem"),
    text("reference", "its true answer, or what an answer must reach"),
    _SOURCE_ROW,
)

BENCHMARK_ITEMS = table(
    "inputs/benchmark_items",
    "an item of a frozen benchmark",
    column("benchmark", pa.string(), "name of the benchmark in the recipe"),
    column("sealed", pa.bool_(), "never played in a round"),
    text("question", "text of the problem"),
    text("reference", "its true answer"),
    _SOURCE_ROW,
    protected=True,
)

BROUGHT = {each.name: each for each in (SEEDS, UNLABELLED, PROBE, GOLD, DOCUMENTS, TASKS)}
"""What [data] of a recipe may name."""
