"""make bench: the quickstart with three named seeds, each in a store of its own, and what came of each."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import tomli_w
from rich.console import Console
from rich.table import Table

from schemas.manifest import CheckpointRef, Manifest
from tasks.figures import precisions
from tasks.statistics.intervals import paired_difference
from tasks.store.lineage import Lineage, open_lineage

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "deployments/recipes/quickstart.toml"
SEEDS = (1, 2, 3)
WORKING = ("propose", "solve", "train", "evaluate")  # generating, training, evaluating


def main() -> None:
    parser = argparse.ArgumentParser(description="Play the quickstart with three named seeds.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        results = [play(seed, Path(folder)) for seed in SEEDS]
    if as_json:
        print(json.dumps(results, indent=2))
        return
    table = Table(
        "seed", "base", "round 1", "round 2", "round 3", "gain (95%, paired)", "decisions", "sealed", box=None
    )
    for heading in ("seconds", "to round 1", "other s a round"):
        table.add_column(heading, justify="right")
    for r in results:
        accuracies = [f"{accuracy:.1%}" for accuracy in r["accuracy"]]
        gain = f"{r['gain']:+.1%} [{r['low']:+.1%}, {r['high']:+.1%}]"
        other = ", ".join(f"{seconds:.1f}" for seconds in r["other_seconds"])
        times = (f"{r['seconds']:.0f}", f"{r['seconds_to_round_1']:.0f}", other)
        table.add_row(str(r["seed"]), *accuracies, gain, ", ".join(r["decisions"]), r["sealed"], *times)
    Console(width=180).print(table)


def play(seed: int, folder: Path) -> dict[str, Any]:
    """Three rounds in a process of their own, as `make quickstart` plays them."""
    recipe, store = recipe_with(seed, folder), folder / f"store-{seed}"
    began, clock = time.time(), time.monotonic()
    selfplay = [sys.executable, "-c", "from flows.main import main; main()"]
    subprocess.run([*selfplay, "run", str(recipe), "--store", str(store)], cwd=ROOT, check=True, stdout=sys.stderr)
    seconds = time.monotonic() - clock
    lineage = open_lineage(store, "quickstart")
    rounds = lineage.manifests
    champion = lineage.champion(rounds[0].base)
    gain, low, high = paired_difference(*(greedy_marks(lineage, c) for c in (champion, rounds[0].base)))
    scores = [m.scores["sums"] for m in rounds]
    return {
        "seed": seed,
        "accuracy": [scores[0]["base"].accuracy, *(score["candidate"].accuracy for score in scores)],
        "decisions": [m.decision for m in rounds],
        "gain": gain,
        "low": low,
        "high": high,
        "items": scores[0]["base"].n,
        "vote_precision": [found["vote"].accuracy if (found := precisions(m)) else None for m in rounds],
        "sealed": sealed_gain(lineage, champion, rounds[0].base),
        "seconds": seconds,
        "seconds_to_round_1": datetime.fromisoformat(rounds[0].started).timestamp() - began,
        "other_seconds": [other_seconds(m) for m in rounds],
    }


def recipe_with(seed: int, folder: Path) -> Path:
    """The shipped recipe, its seed replaced and its paths made absolute."""
    recipe = tomllib.loads(QUICKSTART.read_text()) | {"seed": seed}
    data = recipe["data"]
    for named in (recipe["model"], data["seeds"], data["probe"], *recipe["benchmarks"]):
        named["path"] = str((QUICKSTART.parent / named["path"]).resolve())
    path = folder / f"seed-{seed}.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


def greedy_marks(lineage: Lineage, checkpoint: CheckpointRef) -> list[bool]:
    """Right or wrong on each benchmark item, in the items' order."""
    for m in lineage.manifests:
        for ref in m.tables["evaluations"]:
            rows = [row for f in ref.files for row in pq.read_table(lineage.folder / ref.path / f).to_pylist()]
            if rows[0]["checkpoint"] == checkpoint.digest:
                return [row["correct"] for row in sorted(rows, key=lambda row: row["item_id"]) if row["greedy"]]
    raise AssertionError(f"{checkpoint.digest} was never evaluated")


def sealed_gain(lineage: Lineage, champion: CheckpointRef, base: CheckpointRef) -> str:
    """The one look at the sealed benchmark: base and last champion, greedy."""
    from schemas.engines import TransformersEngine
    from schemas.settings import Sampling
    from tasks.engines import Checkpoint, Request, completed, open_engine
    from tasks.reading.attempts import final_answer

    engine = TransformersEngine(kind="transformers", batch_rows=1000)
    rows = [json.loads(line) for line in (ROOT / "deployments/data/sums/sealed.jsonl").open()]
    asked = [Request(r["question"], f"{r['question']}=\n", Sampling(temperature=0.0, max_tokens=56), 0) for r in rows]
    shares = []
    for checkpoint in (base, champion):
        weights = Checkpoint(checkpoint.digest, lineage.checkpoint_folder(checkpoint))
        with open_engine(engine, weights) as generator:
            said = completed(generator, asked)
        right = sum(final_answer(c.text, r"#(\d+)").text == r["answer"] for c, r in zip(said, rows, strict=True))
        shares.append(right / len(rows))
    return f"{shares[0]:.1%} -> {shares[1]:.1%}"


def other_seconds(m: Manifest) -> float:
    """Wall seconds of a round that were neither generating, training nor evaluating."""
    wall = datetime.fromisoformat(m.finished).timestamp() - datetime.fromisoformat(m.started).timestamp()
    return wall - sum(seconds for stage, seconds in m.seconds.items() if stage.split(".")[0] in WORKING)


if __name__ == "__main__":
    main()
