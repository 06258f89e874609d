"""make bench-methods: the training family and the controls on the quickstart's sums, with three named seeds.

Every arm plays two rounds from the same base, with the same questions asked, attempts sampled and, up to padding,
tokens trained on; rates were looked for by hand, a few tries an arm, on seed 1. What promotes is the quickstart's
gate. `--arms sft,dpo` and `--seeds 1` play some of them; results are kept in --out, and not played again.
"""

import argparse
import json
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

from schemas.manifest import Manifest
from tasks.audit.statistics import paired_difference
from tasks.store.lineage import open_lineage

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (1, 2, 3)
ROUNDS, ITEMS, SAMPLED = 2, 2000, 500
STEPS, ROWS = 200, 64  # a step of ROWS solutions: half as many pairs
STEP = {"schedule": "cosine", "warmup_steps": 10, "max_length": 128}
PAIRS = STEP | {"steps": STEPS, "batch_size": ROWS // 2, "rows_at_once": ROWS // 2}
WAVES = 5
POLICY = STEP | {"steps": STEPS // WAVES, "waves": WAVES, "batch_size": ROWS, "rows_at_once": ROWS}
POLICY |= {"clip_low": 0.2, "clip_high": 0.2}
WIN_RATES = PAIRS | {"learning_rate": 1e-4, "beta": 0.1, "win_rates": "pool"}
SIGMOID = {"learning_rate": 1e-4, "beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0]}


def trained(loss: str, section: dict[str, Any]) -> dict[str, Any]:
    """An arm: the quickstart, trained otherwise."""
    return {"train": {"methods": [loss], loss: section}}


def policy(**settings: Any) -> dict[str, Any]:
    return trained("policy", POLICY | settings) | {"method": "serl_online"}


ARMS: dict[str, dict[str, Any]] = {
    "SFT": {"controls": {"seeds_alone": True, "random_label": True}},
    "DPO": trained("dpo", PAIRS | SIGMOID),
    "SPIN": trained("spin", PAIRS | {"learning_rate": 1e-4, "beta": 0.1}),
    "SPPO": trained("sppo", WIN_RATES),
    "RSPO": trained("rspo", WIN_RATES | {"regularizer": "forward_and_reverse_kl", "weight": 0.1}),
    "GRPO": policy(learning_rate=1e-4, advantage="group", scale="sample", filter="after", reduction="sequence"),
    "RLOO": policy(learning_rate=1e-4, advantage="leave_one_out", filter="after", reduction="constant"),
    "REINFORCE++": policy(
        learning_rate=1e-4, advantage="batch", filter="after", kl="reward", kl_weight=1e-3, reference="base",
        reduction="token",
    ),
    "no band": policy(learning_rate=3e-3, advantage="batch", filter="after", reduction="token"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Play the training family with three named seeds.")
    parser.add_argument("--arms", default=",".join(ARMS), help="some of them, with commas between")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench-methods", help="where stores and results are kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    arms, seeds = arguments.arms.split(","), [int(seed) for seed in arguments.seeds.split(",")]
    results = [played(arm, seed, arguments.out) for seed in seeds for arm in arms]
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        Console(width=200).print(shown(results))


def played(arm: str, seed: int, out: Path) -> dict[str, Any]:
    """One arm with one seed, in a process and a store of its own; what was found before is read."""
    folder = out / f"{arm.replace(' ', '-')}-{seed}".lower().replace("+", "p")
    kept = folder / "result.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    recipe = recipe_of(arm, seed, folder)
    began = time.monotonic()
    selfplay = [sys.executable, "-c", "from flows.main import main; main()"]
    subprocess.run(
        [*selfplay, "run", str(recipe), "--store", str(folder / "store")], cwd=ROOT, check=True, stdout=sys.stderr
    )
    result = {"arm": arm, "seed": seed, "seconds": time.monotonic() - began} | measured(folder / "store")
    kept.write_text(json.dumps(result, indent=2))
    return result


def recipe_of(arm: str, seed: int, folder: Path) -> Path:
    path = recipe_with(seed, folder)
    recipe = tomllib.loads(path.read_text()) | {"rounds": ROUNDS} | ARMS[arm]
    recipe["benchmarks"][0]["sample"], recipe["evaluate"]["sampled_items"] = ITEMS, SAMPLED
    if "policy" in recipe["train"]:
        del recipe["build"], recipe["validation"]["min_sft_examples"], recipe["validation"]["min_preference_pairs"]
        recipe["validation"]["min_policy_rows"] = 100
        recipe["select"] |= {"min_agreement": 0.3, "max_agreement": 0.9}
    if arm == "no band":  # as SRT: every question that was asked
        recipe["select"] |= {"min_agreement": 0.0, "max_agreement": 1.0}
    if arm == "SPIN":
        recipe["build"] |= {"pairs": "gold_self", "pairs_per_question": 4}
    if arm == "SPIN" or "controls" in recipe:
        path_of_gold = str(ROOT / "deployments/data/sums/gold.jsonl")
        recipe["data"]["gold"] = {"path": path_of_gold, "question": "question", "solution": "solution"}
    path.write_text(tomli_w.dumps(recipe))
    return path


def measured(store: Path) -> dict[str, Any]:
    lineage = open_lineage(store, "quickstart")
    rounds = lineage.manifests
    base = rounds[0].base
    champion = lineage.champion(base)
    marks = [greedy_marks(lineage, checkpoint) for checkpoint in (champion, base)]
    gain, low, high = paired_difference(*marks)
    return {
        "base": score(rounds[0], "base"),
        "rounds": [one(m) for m in rounds],
        "gain": gain,
        "low": low,
        "high": high,
        "items": len(marks[0]),
    }


def score(m: Manifest, role: str) -> dict[str, Any] | None:
    found = m.scores.get("sums", {}).get(role)
    return found.model_dump() if found else None


def one(m: Manifest) -> dict[str, Any]:
    roles = ("candidate", "control_seeds", "control_random")
    return {
        "decision": m.decision,
        "reason": m.reason,
        "vote_precision": m.vote_precision.accuracy if m.vote_precision else None,
        "alarms": [alarm.name for alarm in m.alarms],
        "tokens": sum(m.tokens.values()),
        "trained_on": m.trained_on,
        "scores": {role: found for role in roles if (found := score(m, role))},
    }


def shown(results: Iterable[dict[str, Any]]) -> RichTable:
    table = RichTable(
        "arm", "seed", "greedy by round", "decisions", "champion's gain (95%, paired)", "mean@4 by round",
        "vote precision", "alarms", "s", box=None,
    )  # fmt: skip
    for r in results:
        for role, name in (
            ("candidate", r["arm"]),
            ("control_seeds", "seeds alone"),
            ("control_random", "random label"),
        ):
            scores = [m["scores"].get(role) for m in r["rounds"]]
            if not any(scores):
                continue
            greedy = [f"{s['accuracy']:.1%}" if s else "-" for s in (r["base"], *scores)]
            mean = [
                f"{s['mean_at_k']:.1%}" if s and s["mean_at_k"] is not None else "-" for s in (r["base"], *scores)
            ]
            own = role == "candidate"
            votes = [f"{m['vote_precision']:.0%}" for m in r["rounds"] if m["vote_precision"] is not None]
            table.add_row(
                name, str(r["seed"]), " ".join(greedy),
                ", ".join(m["decision"] for m in r["rounds"]) if own else "",
                f"{r['gain']:+.1%} [{r['low']:+.1%}, {r['high']:+.1%}]" if own else "",
                " ".join(mean), " ".join(votes) if own else "",
                " ".join(sorted({name for m in r["rounds"] for name in m["alarms"]})) if own else "",
                f"{r['seconds']:.0f}" if own else "",
            )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
