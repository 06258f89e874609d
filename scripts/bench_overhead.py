"""make bench: what a run costs over calling a round's stage functions directly, for 10, 100 and 1,000 shards.

Both write the same drafts, shard by shard, with the same tiny model. A run adds keys, markers, the lineage's lock,
progress and the manifest; a direct round has none of them. PREFECT_API_URL is unset: no server is told of it.
"""

import argparse
import json
import statistics
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from bench_rounds import recipe_with
from rich.console import Console as Rich
from rich.table import Table as RichTable

from flows import environment

environment.prepare()

from flows.console import CONSOLE, Console  # noqa: E402
from flows.methods import METHODS  # noqa: E402
from flows.preflight import Plan, preflight  # noqa: E402
from flows.round import Round, Stage, Work  # noqa: E402
from schemas.attempts import ATTEMPTS  # noqa: E402
from schemas.manifest import StageRecord  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import Lineage, make_store  # noqa: E402
from tasks.store.objects import keep_checkpoint  # noqa: E402

QUESTIONS, PROBE, ITEMS = 160, 40, 400  # 200 rows to solve, and 400 items for each of base and candidate: 1,000
SIZES = {10: 100, 100: 10, 1000: 1}  # shards of these stages -> rows a shard
TIMES = {10: 5, 100: 3, 1000: 2}
SHARDED = ("attempts", "evaluations")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a run costs over calling the stage functions directly.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    results = measured()
    written = seconds_to_write_a_shard()
    if as_json:
        print(json.dumps({"write_a_shard": written, "rounds": results}, indent=2))
        return
    table = RichTable(box=None)
    for heading in ("shards", "rounds each", "direct, s", "run, s", "more, s"):
        table.add_column(heading, justify="right")
    for r in results:
        figures = (f"{r[name]:.2f}" for name in ("direct", "run", "more"))
        table.add_row(f"{r['shards']:,}", str(r["times"]), *figures)
    console = Rich(width=120)
    console.print(table)
    first, last = results[0], results[-1]
    slope = (last["more"] - first["more"]) / (last["shards"] - first["shards"])
    console.print(
        f"a further shard: {slope * 1000:.1f} ms more in a run than directly; a round: {first['more']:.2f} s"
    )
    console.print(f"writing a shard, in both: {written * 1000:.1f} ms")


def measured() -> list[dict[str, Any]]:
    """Medians of rounds played in turn, after one of each that nobody times."""
    CONSOLE.set(Console(to_stderr=True))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        plays: tuple[Callable[[Path, Path], int], ...] = (directly, by_a_run)
        for play in plays:
            play(recipe_of(100, Path(folder)), Path(folder) / f"warm-{play.__name__}")
        for shards, rows in SIZES.items():
            seconds: dict[str, list[float]] = {play.__name__: [] for play in plays}
            for number in range(TIMES[shards]):
                for play in plays:
                    began = time.monotonic()
                    made = play(recipe_of(rows, Path(folder)), Path(folder) / f"{shards}-{number}-{play.__name__}")
                    seconds[play.__name__].append(time.monotonic() - began)
                    assert made == shards, f"{made} shards, not {shards}"
            direct, run = (statistics.median(seconds[play.__name__]) for play in plays)
            results.append({"shards": shards, "times": TIMES[shards], "direct": direct, "run": run,
                            "more": run - direct, "all": seconds})  # fmt: skip
    return results


def recipe_of(rows: int, folder: Path) -> Path:
    """The quickstart with so many rows a shard, and not much else to do."""
    path = recipe_with(1, folder)
    recipe = tomllib.loads(path.read_text())
    recipe["rounds"], recipe["data"]["probe"]["sample"] = 1, PROBE
    recipe["benchmarks"] = [recipe["benchmarks"][0] | {"sample": ITEMS}]
    recipe["propose"] |= {"target": QUESTIONS, "prompts_per_wave": 128}
    recipe["solve"] |= {"num_samples": 2, "questions_per_shard": rows}
    recipe["evaluate"] |= {"sampled_items": 0, "items_per_shard": rows}
    recipe["validation"] |= {"min_sft_examples": 10, "min_vote_precision": 0.0}
    recipe["train"]["sft"]["steps"] = 10
    path.write_text(tomli_w.dumps(recipe))
    return path


def by_a_run(recipe: Path, store: Path) -> int:
    """One round as `selfplay run` plays it; shards written."""
    from flows.nightly import nightly

    nightly(str(recipe), str(store))
    return shards_in(store)


def directly(recipe: Path, store: Path) -> int:
    """The same stage functions, one after the other; shards written."""
    plan: Plan = preflight(recipe, store)
    make_store(plan.store)
    base = keep_checkpoint(plan.store / "objects", plan.model)
    lineage = Lineage(plan.store, plan.recipe.name, ())
    METHODS[plan.recipe.method](
        Round(plan.recipe, plan.recipe_folder, plan.sources, lineage, 1, base, base, Direct())
    )
    return shards_in(store)


@dataclass
class Direct:
    """Calls each stage with a draft, and no more. The champion is the base: it is evaluated once, as in a run."""

    base: StageRecord | None = None

    def __call__(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        if shown == "evaluate.champion" and self.base:
            return self.base
        key = f"{len(round.records):032x}"
        draft = Draft(round.lineage, round.number, stage.__name__, key, round.recipe.seed)
        figures = stage(draft, **inputs)
        record = StageRecord(
            stage=stage.__name__, key=key, inputs={}, settings={}, prompts={}, code="", versions={},
            tables=draft.tables(), figures=figures, dropped={}, seconds=0, tokens=0,
        )  # fmt: skip
        self.base = record if shown == "evaluate.base" else self.base
        return record


def shards_in(store: Path) -> int:
    return sum(len(list(store.glob(f"*/round-0001/{table}/*/part-*"))) for table in SHARDED)


def seconds_to_write_a_shard(times: int = 200) -> float:
    """Median time of a draft's part whose two rows are there already: Parquet, digest, fsync, rename."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Draft(Lineage(Path(folder), "quickstart", ()), 1, "solve", "0" * 32, 1)
        rows = [
            {"id": draft.row_id(ATTEMPTS, n), "question_id": "q", "sample": n, "num_planned": 2, "prompt": "1+2=",
             "text": "1+2=3\n#3", "num_tokens": 8, "finish_reason": "stop", "checkpoint": "c" * 64}
            for n in range(2)
        ]  # fmt: skip
        took = []
        for part in range(times):
            began = time.monotonic()
            draft.part(ATTEMPTS, part, lambda: rows)
            took.append(time.monotonic() - began)
    return statistics.median(took)


if __name__ == "__main__":
    main()
