"""make bench-methods: every method on the task that its recipe fits, with controls and ablations, and three seeds.

An arm (scripts/bench_arms.py) plays rounds from the base until it has sampled and trained on TOKENS, evaluation left
out, or has no round left. `--arms spice "spice, not grounded"` and `--seeds 1` play some of them; what this commit
has played in --out is not played again. A Markdown table comes out, an arm and seed a row.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tomli_w
from bench_arms import ROOT, arms

from schemas.controls import CONTROLS, arm_of, is_control
from schemas.evaluations import EVALUATIONS
from schemas.manifest import Manifest, TableRef
from schemas.train_steps import TRAIN_STEPS
from tasks.audit.comparison import Marks, compared, marks_of
from tasks.figures import precisions
from tasks.store.lineage import Lineage, open_lineage
from tasks.store.parquet import read_table

TOKENS = 2_000_000
ARMS = arms()
HEADINGS = ("arm", "seed", "base", "last candidate - base", "champion - base", "mean of samples", "judge right on",
            "decisions, alarms", "M sampled", "M trained on", "s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Play every method, its controls and its ablations.")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS], metavar="ARM", help="; ".join(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=ROOT / "bench/methods", help="where stores and results are kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    results = [play_arm(arm, seed, arguments.out) for arm in arguments.arms for seed in arguments.seeds]
    print(json.dumps(results, indent=2) if arguments.json else "\n".join(as_table(results)))


def play_arm(name: str, seed: int, out: Path) -> dict[str, Any]:
    """One arm with one seed, in processes and a store of its own."""
    folder = out / f"{name.replace(', ', '-').replace(' ', '-').replace('+', 'p')}-{seed}"
    kept, commit = folder / "result.json", commit_of_code()
    if kept.exists() and (found := json.loads(kept.read_text()))["commit"] == commit:
        return dict(found)
    shutil.rmtree(folder, ignore_errors=True)  # what other code played is no part of it
    folder.mkdir(parents=True)
    began, (recipe, rounds) = time.monotonic(), ARMS[name]
    path, store = folder / "recipe.toml", folder / "store"
    path.write_text(tomli_w.dumps(recipe | {"seed": seed}))
    lineage = open_lineage(store, recipe["name"])
    while len(lineage.manifests) < rounds and sum(map(sum, tokens_of(lineage))) < TOKENS:
        run = [sys.executable, "-c", "from flows.main import main; main()", "run", str(path), "--rounds", "1"]
        ended = subprocess.run([*run, "--store", str(store)], cwd=ROOT, stdout=sys.stderr)
        assert ended.returncode in (0, 1), f"{name}, seed {seed}: exit {ended.returncode}"  # 1: a round that failed
        lineage = open_lineage(store, recipe["name"])
    result = {"arm": name, "seed": seed, "commit": commit, "seconds": time.monotonic() - began}
    result |= figures_of(lineage, recipe["gate"]["benchmark"])
    kept.write_text(json.dumps(result, indent=2))
    return result


def commit_of_code() -> str:
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def tokens_of(lineage: Lineage) -> list[tuple[int, int]]:
    """Tokens that each round sampled, benchmarks and controls left out, and trained on."""
    return [(_sampled(m), _trained_on(lineage, m)) for m in lineage.manifests]


def _sampled(m: Manifest) -> int:
    return sum(n for shown, n in m.tokens.items() if not shown.startswith("evaluate") and not is_control(shown))


def _trained_on(lineage: Lineage, m: Manifest) -> int:
    most: Counter[tuple[str, str]] = Counter()  # each training counts on from step to step
    for ref in m.tables.get("train_steps", []):
        for row in read_table(lineage.folder, ref, TRAIN_STEPS).to_pylist():
            most[ref.path, row["method"]] = max(most[ref.path, row["method"]], row["num_tokens"] or 0)
    return most.total()


def figures_of(lineage: Lineage, benchmark: str) -> dict[str, Any]:
    """What came of an arm: the last candidate, the last champion and the last round's controls against the base, on
    the items of the gate's benchmark. None where nothing was evaluated: every round failed."""
    rounds = lineage.manifests
    sampled, trained = (sum(tokens) for tokens in zip(*tokens_of(lineage), strict=True))
    scored = [m for m in rounds if "candidate" in m.scores.get(benchmark, {})]
    found: dict[str, Any] = {"sampled": sampled, "trained": trained, "ends": [_end(m) for m in rounds]}
    found |= {"base": None, "mean": None, "judges": {name: s.accuracy for name, s in precisions(rounds[-1]).items()}}
    if not scored:
        return found
    last, base = scored[-1], rounds[0].base
    before = marks(lineage, _evaluations(scored), base.digest, benchmark)
    asked = {"candidate": last.candidate or base, "champion": lineage.champion(base)}
    against = {role: marks(lineage, _evaluations(scored), each.digest, benchmark) for role, each in asked.items()}
    gains = {role: _gain(benchmark, before, after) for role, after in against.items()}
    for arm in CONTROLS.keys() & last.scores[benchmark].keys():
        shown = [shown for shown in last.stages if shown.startswith("evaluate.") and arm_of(shown) == arm]
        records = (lineage.stage_record(last.round, "evaluate", last.stages[name]) for name in shown)
        tables = [record.tables["evaluations"] for record in records if record]
        gains[arm] = max(_gain(benchmark, before, marks(lineage, [ref], None, benchmark)) for ref in tables)
    scores = [last.scores[benchmark][role] for role in ("base", "candidate")]
    means = [score.mean_at_k for score in scores] if all(score.k for score in scores) else None
    return found | {"base": scores[0].accuracy, "items": len(before), "gains": gains, "mean": means}


def _end(m: Manifest) -> str:
    return " ".join((m.decision, *(alarm.name for alarm in m.alarms if alarm.level == "hold")))


def _evaluations(rounds: Iterable[Manifest]) -> list[TableRef]:
    return [ref for m in rounds for ref in m.tables["evaluations"]]


def marks(lineage: Lineage, tables: Iterable[TableRef], digest: str | None, benchmark: str) -> Marks:
    """Item -> right or wrong, of these weights, or of whoever answered the first table."""
    for ref in tables:
        rows = read_table(lineage.folder, ref, EVALUATIONS).to_pylist()
        if rows[0]["checkpoint"] == (digest or rows[0]["checkpoint"]) and (found := marks_of(rows, benchmark)):
            return found
    raise AssertionError(f"{digest} never answered {benchmark}")


def _gain(benchmark: str, before: Marks, after: Marks) -> tuple[float, float, float]:
    """The difference, with its paired 95% interval."""
    found = compared(benchmark, before, after, "mcnemar", 0.05, 0)
    return found.difference, found.low, found.high


def as_table(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Markdown, an arm and seed a row; its controls below it."""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|" + "--:|" * 5 + "---|---|" + "--:|" * 3
    for r in results:
        gains = {
            role: f"{gain:+.1%} [{low:+.1%}, {high:+.1%}]" for role, (gain, low, high) in r.get("gains", {}).items()
        }
        mean = f"{r['mean'][0]:.1%}, {r['mean'][1]:.1%}" if r["mean"] else ""
        judges = ", ".join(f"{name} {share:.0%}" for name, share in r["judges"].items())
        base = f"{r['base']:.1%}" if r["base"] is not None else ""
        own = (base, gains.get("candidate", ""), gains.get("champion", ""), mean, judges, ", ".join(r["ends"]))
        costs = (f"{r['sampled'] / 1e6:.2f}", f"{r['trained'] / 1e6:.2f}", f"{r['seconds']:.0f}")
        yield f"| {' | '.join((r['arm'], str(r['seed']), *own, *costs))} |"
        for arm, name in CONTROLS.items():
            if arm in gains:
                yield f"| {r['arm']}: {name} | {r['seed']} | | {gains[arm]} |" + " |" * 7


if __name__ == "__main__":
    main()
