"""make bench-methods: the training family and the controls on the quickstart's sums, with three named seeds.

Every arm plays two rounds from the same base, with the same questions asked, attempts sampled and, up to padding,
tokens trained on; rates were looked for by hand, a few tries an arm, on seed 1. What promotes is the quickstart's
gate. `--arms SFT DPO` and `--seeds 1` play some of them; what this commit has played in --out is not played again.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w
from bench_rounds import greedy_marks, recipe_with
from rich.console import Console
from rich.table import Table as RichTable

from flows.lines.plain import worded
from schemas.controls import CONTROLS
from schemas.manifest import Manifest, Score
from schemas.train_steps import TRAIN_STEPS
from tasks.figures import precisions
from tasks.statistics.intervals import paired_difference
from tasks.store.lineage import Lineage, open_lineage
from tasks.store.parquet import read_table

ROOT = Path(__file__).resolve().parents[1]
GOLD = {
    "gold": {"path": str(ROOT / "deployments/data/sums/gold.jsonl"), "question": "question", "solution": "solution"}
}
STEPS, ROWS = 200, 64  # a step of ROWS solutions: half as many pairs
STEP = {"schedule": "cosine", "warmup_steps": 10, "max_length": 128}
PAIRS = STEP | {
    "steps": STEPS,
    "batch_size": ROWS // 2,
    "rows_at_once": ROWS // 2,
    "learning_rate": 1e-4,
    "beta": 0.1,
}
SLOW = PAIRS | {"learning_rate": 3e-6}  # at 1e-4 DPO fell to 45% and SPIN to 18%, at 1e-5 to 70% and 57%
WIN_RATES = PAIRS | {"win_rates": "pool"}
BOTH_KL = {"regularizer": "forward_and_reverse_kl", "weight": 0.1, "reverse_weight": 1.0}
WAVES = 5
POLICY = STEP | {"steps": STEPS // WAVES, "waves": WAVES, "batch_size": ROWS, "rows_at_once": ROWS}
POLICY |= {"learning_rate": 1e-4, "clip_low": 0.2, "clip_high": 0.2, "filter": "after"}
BAND = {"min_agreement": 0.3, "max_agreement": 0.9}
EVERYTHING = {"min_agreement": 0.0, "max_agreement": 1.0}
FAST: dict[str, Any] = {"learning_rate": 1e-3, "advantage": "batch", "reduction": "token"}


AGAINST_GOLD: dict[str, Any] = dict.fromkeys(("propose", "vote", "select", "build"))
AGAINST_GOLD |= {"method": "spin", "pair_gold": {"pairs_per_question": 4}}
AGAINST_GOLD |= {"data": GOLD | {"seeds": None, "probe": None}}
AGAINST_GOLD |= {"validation": dict.fromkeys(("min_sft_examples", "min_vote_precision", "max_unparsable"))}


def trained(loss: str, section: dict[str, Any]) -> dict[str, Any]:
    """What an arm changes of the quickstart, to be trained otherwise."""
    return {"train": {"methods": [loss], loss: section}}


def policy(select: dict[str, Any] = BAND, **settings: Any) -> dict[str, Any]:
    """An arm in waves."""
    checks = {
        "min_sft_examples": None,
        "min_preference_pairs": None,
        "min_policy_rows": 100,
        "min_vote_precision": 0.0,
    }
    online = {"method": "serl_online", "build": None, "select": select, "validation": checks}
    return trained("policy", POLICY | settings) | online


ARMS: dict[str, dict[str, Any]] = {
    "SFT": {"controls": {"seeds_alone": True, "random_label": True}, "data": GOLD},
    "DPO": trained("dpo", SLOW | {"loss_type": ["sigmoid"], "loss_weights": [1.0]}),
    "SPIN": trained("spin", SLOW) | AGAINST_GOLD,
    "SPPO": trained("sppo", WIN_RATES),
    "RSPO": trained("rspo", WIN_RATES | BOTH_KL),
    "GRPO": policy(advantage="group", scale="sample", reduction="sequence"),
    "RLOO": policy(advantage="leave_one_out", reduction="constant"),
    "REINFORCE++": policy(advantage="batch", reduction="token", kl="reward", kl_weight=1e-3, reference="base"),
    "fast, band": policy(**FAST),
    "fast, no band": policy(select=EVERYTHING, **FAST),  # as SRT: the vote on every question
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Play the training family with three named seeds.")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS], metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=ROOT / "bench/methods", help="where stores and results are kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    results = [play_arm(arm, seed, arguments.out) for seed in arguments.seeds for arm in arguments.arms]
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        Console(width=260).print(as_table(results))


def play_arm(arm: str, seed: int, out: Path) -> dict[str, Any]:
    """One arm with one seed, in a process and a store of its own."""
    folder = out / f"{arm.replace(', ', '-').replace(' ', '-').replace('+', 'p').lower()}-{seed}"
    kept, commit = folder / "result.json", commit_of_code()
    if kept.exists() and (found := json.loads(kept.read_text()))["commit"] == commit:
        return dict(found)
    shutil.rmtree(folder, ignore_errors=True)  # a store half played would end with more rounds
    folder.mkdir(parents=True)
    began, store = time.monotonic(), folder / "store"
    selfplay = [sys.executable, "-c", "from flows.main import main; main()"]
    recipe = str(recipe_of(arm, seed, folder))
    ended = subprocess.run([*selfplay, "run", recipe, "--store", str(store)], cwd=ROOT, stdout=sys.stderr)
    assert ended.returncode in (0, 1), f"{arm}, seed {seed}: exit {ended.returncode}"  # 1: a round that failed
    result = {"arm": arm, "seed": seed, "commit": commit, "seconds": time.monotonic() - began}
    result |= figures_of(open_lineage(store, "quickstart"))
    kept.write_text(json.dumps(result, indent=2))
    return result


def commit_of_code() -> str:
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def recipe_of(arm: str, seed: int, folder: Path) -> Path:
    path = recipe_with(seed, folder)
    recipe = tomllib.loads(path.read_text()) | {"rounds": 2}
    recipe["benchmarks"][0]["sample"], recipe["evaluate"]["sampled_items"] = 2000, 500
    path.write_text(tomli_w.dumps(changed(recipe, ARMS[arm])))
    return path


def changed(recipe: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe with an arm's values; `train` is replaced as a whole, None takes a key away."""
    for key, value in changes.items():
        whole = not isinstance(value, dict) or key == "train"
        recipe[key] = value if whole else changed(recipe.get(key, {}), value)
    return {key: value for key, value in recipe.items() if value is not None}


def figures_of(lineage: Lineage) -> dict[str, Any]:
    rounds = lineage.manifests
    found: dict[str, Any] = {"base": None, "rounds": [round_figures(lineage, m) for m in rounds]}
    if (scores := rounds[0].scores.get("sums")) is None:  # it failed before it had any
        return found
    marks = [greedy_marks(lineage, c) for c in (lineage.champion(rounds[0].base), rounds[0].base)]
    gain, low, high = paired_difference(*marks)
    return found | {
        "base": scores["base"].model_dump(),
        "gain": gain,
        "low": low,
        "high": high,
        "items": len(marks[0]),
    }


def round_figures(lineage: Lineage, m: Manifest) -> dict[str, Any]:
    steps = [
        read_table(lineage.folder, ref, TRAIN_STEPS)["num_tokens"].to_pylist()
        for ref in m.tables.get("train_steps", [])
    ]
    return {
        "decision": m.decision,
        "reason": m.reason,
        "precision": [score.accuracy for score in precisions(m).values()],
        "alarms": [alarm.name for alarm in m.alarms],
        "generated_tokens": sum(n for stage, n in m.tokens.items() if stage.split(".")[0] in ("propose", "solve")),
        "trained_tokens": sum(max(logged) for logged in steps),
        "scores": {role: score.model_dump() for role, score in m.scores.get("sums", {}).items()},
    }


def as_table(results: Iterable[dict[str, Any]]) -> RichTable:
    headings = ("arm", "seed", "greedy: base", "round 1", "round 2", "mean@4: base", "round 1", "round 2")
    of_the_arm = ("champion's gain", "vote precision", "collapsed", "decisions, alarms", "M tokens", "s")
    table = RichTable(*headings, *of_the_arm, box=None)
    for r in results:
        for role, name in {"candidate": r["arm"], **CONTROLS}.items():
            found = [m["scores"].get(role) for m in r["rounds"]]
            if role == "candidate" or any(found):
                padded = [r["base"], *found, None][:3]  # a run ends with a round that failed
                scores = [Score.model_validate(score) if score else None for score in padded]
                means = [score.sampled["mean@4"] if score else None for score in scores]
                own = own_columns(r) if role == "candidate" else ()
                table.add_row(name, str(r["seed"]), *map(worded, scores), *map(worded, means), *own)
    return table


def own_columns(r: dict[str, Any]) -> tuple[str, ...]:
    """What an arm has and its controls have not. Tokens: generated (questions and attempts), trained on."""
    votes = [f"{share:.0%}" for m in r["rounds"] for share in m["precision"]]
    ends = [" ".join((m["decision"], *m["alarms"])) for m in r["rounds"]]
    tokens = [sum(m[what] for m in r["rounds"]) / 1e6 for what in ("generated_tokens", "trained_tokens")]
    gain = f"{r['gain']:+.1%} [{r['low']:+.1%}, {r['high']:+.1%}]" if r["base"] else "-"
    return (
        gain, " ".join(votes), collapsed(r), ", ".join(ends),
        f"{tokens[0]:.2f}, {tokens[1]:.2f}", f"{r['seconds']:.0f}",
    )  # fmt: skip


def collapsed(r: dict[str, Any]) -> str:
    """The first round that failed, or whose candidate's greedy accuracy is below half of the base's; or "no"."""
    for number, m in enumerate(r["rounds"], 1):
        score = m["scores"].get("candidate")
        if m["decision"] == "failed" or (score and score["accuracy"] < r["base"]["accuracy"] / 2):
            return f"round {number}"
    return "no"


if __name__ == "__main__":
    main()
