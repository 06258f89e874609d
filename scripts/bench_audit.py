"""make bench: log, show, why and diff as whole processes, on rounds of 100,000 attempts each."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from synthetic import play_rounds, synthetic_recipe

from schemas.manifest import Manifest
from tasks.store.lineage import Lineage, open_lineage

ROOT = Path(__file__).resolve().parents[1]
SELFPLAY = [sys.executable, "-c", "from flows.main import main; main()"]
MAX_SECONDS, MAX_MEGABYTES = 1.5, 500
TIMES = 5
CLOCK = """
import json, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
seconds = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3]))
"""  # a process of its own: a child's memory is never told below that of the parent it was forked from
Measured = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time log, show, why and diff on a synthetic lineage.")
    parser.add_argument("--rounds", type=int, nargs=2, default=(5, 20), help="how many to measure at: few, and all")
    parser.add_argument("--attempts", type=int, default=100_000, help="attempts a round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args()
    if not 2 <= asked.rounds[0] < asked.rounds[1]:
        parser.error("--rounds: expected two numbers from 2 on, the smaller first; diff compares the last two rounds")
    results: dict[int, Measured] = {}
    building = 0.0
    with tempfile.TemporaryDirectory() as folder:
        store, recipe = Path(folder) / "store", synthetic_recipe(Path(folder), asked.attempts)
        for rounds in asked.rounds:
            began = time.monotonic()
            play_rounds(recipe, store, rounds)
            building += time.monotonic() - began
            results[rounds] = measured(open_lineage(store, "synthetic"))
        megabytes = sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) / 1e6
    if asked.json:
        print(json.dumps({"attempts": asked.attempts, "build_seconds": building, "results": results}, indent=2))
        return
    shown(results, asked.attempts)
    print(f"the store: {megabytes:,.0f} MB, made in {building:.0f} s")


def measured(lineage: Lineage) -> Measured:
    """Command -> median seconds and largest memory of whole processes, after one that nobody times."""
    last = lineage.manifests[-1]
    row = {table: row_of(lineage, last, table) for table in ("sft_examples", "attempts", "dropped", "evaluations")}
    round, before = f"synthetic/{last.round}", f"synthetic/{last.round - 1}"
    commands = {
        "log": ["log"],
        "show ROUND": ["show", round],
        "show ROUND attempts": ["show", round, "attempts", "--where", "sample = 3", "--limit", "20"],
        **{f"why {table}": ["why", row_id] for table, row_id in row.items()},
        "why a seed": ["why", row_of(lineage, lineage.manifests[0], "inputs/seeds")],
        "diff": ["diff", before, round],
    }
    return {name: timed([*command, "--store", str(lineage.store)]) for name, command in commands.items()}


def row_of(lineage: Lineage, m: Manifest, table: str) -> str:
    ref = max(m.tables[table], key=lambda ref: ref.rows)
    part = lineage.folder / ref.path / max(ref.files)
    return str(pq.read_table(part, columns=["id"], partitioning=None)["id"][0].as_py())


def timed(arguments: list[str]) -> dict[str, float]:
    """Empty if this checkout has no such command."""
    if process([arguments[0], "--help"])[0] != 0:
        return {}
    runs = [process(arguments) for _ in range(TIMES + 1)][1:]
    assert all(run[0] == 0 for run in runs), f"selfplay {' '.join(arguments)}: exit {runs[0][0]}"
    seconds, computing = (statistics.median(run[n] for run in runs) for n in (1, 2))
    return {"seconds": seconds, "computing": computing, "megabytes": max(run[3] for run in runs)}


def process(arguments: list[str]) -> tuple[int, float, float, float]:
    """Exit code, seconds, seconds of computing and megabytes of one run of the command."""
    told = subprocess.run(
        [sys.executable, "-S", "-c", CLOCK, *SELFPLAY, *arguments], cwd=ROOT, capture_output=True, check=True
    )
    code, seconds, computing, megabytes = json.loads(told.stdout)
    return code, seconds, computing, megabytes


def shown(results: dict[int, Measured], attempts: int) -> None:
    few, many = results
    table = Table(f"{attempts:,} attempts a round", box=None)
    for heading in (f"{few} rounds, s", f"{many} rounds, s", "growth", "computing, s", "memory, MB", ""):
        table.add_column(heading, justify="right")
    for name, large in results[many].items():
        small = results[few][name]
        if not (small and large):
            table.add_row(name, "no such command in this checkout")
            continue
        over = large["seconds"] > MAX_SECONDS or large["megabytes"] > MAX_MEGABYTES
        growth = f"x {large['seconds'] / small['seconds']:.2f}"
        seconds = (f"{small['seconds']:.2f}", f"{large['seconds']:.2f}", growth, f"{large['computing']:.2f}")
        warning = f"over {MAX_SECONDS} s or {MAX_MEGABYTES} MB" if over else ""
        table.add_row(name, *seconds, f"{large['megabytes']:,.0f}", warning)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
