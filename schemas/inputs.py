"""The rows a user brings, as they were when the round began: seeds, probe, benchmark items and gold."""

import pyarrow as pa

from schemas.table import column, table

SEEDS = table(
    "inputs/seeds",
    column("question", pa.string(), "text of the problem, white space trimmed"),
    column("source_row", pa.int64(), "its row in the user's file, from 0"),
)

PROBE = table(
    "inputs/probe",
    column("question", pa.string(), "text of the problem"),
    column("reference", pa.string(), "its true answer; read only to measure the vote"),
    column("source_row", pa.int64(), "its row in the user's file, from 0"),
)

GOLD = table(
    "inputs/gold",
    column("question", pa.string(), "text of the problem"),
    column("prompt", pa.string(), "what the solver is asked"),
    column("completion", pa.string(), "the user's worked solution, white space around it trimmed"),
    column("source_row", pa.int64(), "its row in the user's file, from 0"),
)

BENCHMARK_ITEMS = table(
    "inputs/benchmark_items",
    column("benchmark", pa.string(), "name of the benchmark in the recipe"),
    column("sealed", pa.bool_(), "never played in a round"),
    column("question", pa.string(), "text of the problem"),
    column("reference", pa.string(), "its true answer"),
    column("source_row", pa.int64(), "its row in the user's file, from 0"),
)
