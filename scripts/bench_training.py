"""make bench-methods: training in a stage against a bare TRL script on the same rows, each in a process of its own.

Both load the model, train and leave weights. The stage also reads its tables by digest, stores what the reference
says, logs every step to `train_steps` and keeps the candidate under its digest.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from make_tiny_model import answer, problems, solution
from rich.console import Console
from rich.table import Table as RichTable

from schemas.manifest import TableRef, ValidRows
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import Table
from schemas.training import Train
from tasks.store.draft import Draft
from tasks.store.lineage import Lineage
from tasks.store.objects import keep_checkpoint
from tasks.store.parquet import table_ref, write_part

ROOT = Path(__file__).resolve().parents[1]
TIMES = 5
ROWS = 2000
STEPS = {("tiny", "sft"): 100, ("4 x 256", "sft"): 40, ("4 x 256", "dpo"): 20, ("4 x 256", "sppo"): 20}
SHARED: dict[str, Any] = {
    "batch_size": 32,
    "rows_at_once": 32,
    "learning_rate": 1e-4,
    "schedule": "constant",
    "max_length": 128,
}
TABLES = {"sft": SFT_EXAMPLES, "dpo": PREFERENCE_PAIRS, "sppo": PREFERENCE_PAIRS}


def main() -> None:
    parser = argparse.ArgumentParser(description="Training in a stage against a bare TRL script on the same rows.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--stage", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        in_the_stage(*arguments.stage)
        return
    with tempfile.TemporaryDirectory() as folder:
        results = [measured(size, method, Path(folder)) for size, method in STEPS]
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    table = RichTable(box=None)
    for heading in ("model", "method", "steps", "bare TRL, s", "stage, s", "slower", "bare TRL, MB", "stage, MB"):
        table.add_column(heading, justify="right")
    for r in results:
        seconds, memory = (
            [f"{r[way][what]:{form}}" for way in ("bare", "stage")]
            for what, form in (("seconds", ".1f"), ("mb", ".0f"))
        )
        table.add_row(r["model"], r["method"], str(r["steps"]), *seconds, f"{r['slower']:+.1%}", *memory)
    Console(width=140).print(table)


def measured(size: str, method: str, folder: Path) -> dict[str, Any]:
    """Medians of whole processes, played in turn, after one of each that nobody times."""
    source, place = ROOT / "deployments/models/tiny", folder / f"{size}-{method}".replace(" ", "")
    place.mkdir()
    if size != "tiny":
        source = wider(place / "model")
    rows = made(method, place / "rows.parquet")
    steps = STEPS[size, method]
    trl = {"per_device_train_batch_size": SHARED["batch_size"], "lr_scheduler_type": SHARED["schedule"]}
    trl |= {name: SHARED[name] for name in ("learning_rate", "max_length")} | {"max_steps": steps, "seed": 1}
    trl |= {} if method == "sft" else {"precompute_ref_log_probs": True}
    trl |= {"loss_type": ["sppo_hard"]} if method == "sppo" else {}
    commands = {
        "bare": [str(ROOT / "scripts/bare_trl.py"), method, str(source), str(rows), "{}", json.dumps(trl)],
        "stage": [__file__, "--stage", method, str(steps), str(source), "{}"],
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in commands}
    for number in range(TIMES + 1):
        for way, command in commands.items():
            target = place / f"{way}-{number}"
            target.mkdir()
            played = run([word if word != "{}" else str(target) for word in command])
            found[way] += [played] if number else []
    results = {
        way: {"seconds": statistics.median(s for s, _ in runs), "mb": statistics.median(mb for _, mb in runs)}
        for way, runs in found.items()
    }
    slower = results["stage"]["seconds"] / results["bare"]["seconds"] - 1
    return {"model": size, "method": method, "steps": steps, "slower": slower, "all": found} | results


def run(command: list[str]) -> tuple[float, float]:
    """Seconds, and peak memory in MB, of a process."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, f"{command} ended with {status}"
    return time.monotonic() - began, usage.ru_maxrss / 1024


def in_the_stage(method: str, steps: str, source: str, target: str) -> None:
    """The stage `train`, as a round plays it."""
    from tasks.train import train

    draft = Draft(Lineage(Path(target) / "store", "bench", ()), 1, "train", "0" * 32, seed=1)
    rows = pq.read_table(Path(target).parent / "rows.parquet").to_pylist()
    own: dict[str, dict[str, Any]] = {"sft": {"completion_only": True}}
    own |= {"dpo": {"beta": 0.1, "loss_type": ("sigmoid",), "loss_weights": (1.0,)}}
    own |= {"sppo": {"beta": 0.1, "win_rates": "pair"}}
    given = ValidRows(tables=(written(draft, TABLES[method], rows),))
    train(
        draft,
        settings=Train.model_validate({"methods": (method,), method: SHARED | own[method] | {"steps": int(steps)}}),
        model=keep_checkpoint(draft.lineage.objects, Path(source)),
        base=None,
        sft_examples=given if TABLES[method] is SFT_EXAMPLES else None,
        preference_pairs=given if TABLES[method] is PREFERENCE_PAIRS else None,
    )


def written(draft: Draft, table: Table, rows: list[dict[str, Any]]) -> TableRef:
    folder = draft.folder / table.name / "1"
    write_part(folder / "part-0000.parquet", table, rows)
    return table_ref(draft.lineage.folder, folder, table)


def wider(folder: Path) -> Path:
    """A Llama of 4 layers of 256 (3.4 million parameters) with the tiny model's tokenizer and random weights."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

    torch.manual_seed(1)
    tiny = ROOT / "deployments/models/tiny"
    config = AutoConfig.from_pretrained(tiny)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.head_dim = 256, 700, 4, 64
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(folder)
    return folder


def made(method: str, path: Path) -> Path:
    """Sums with their solutions; for pairs, against a solution with another total."""
    rng = random.Random(1)
    rows = []
    for n, question in enumerate(problems("training", ROWS)):
        right = solution(question, rng)
        row = {"id": f"row-{n:05d}", "question_id": f"q{n}", "agreement": 0.75, "prompt": f"{question}=\n"}
        if method == "sft":
            row |= {"attempt_id": f"a{n}", "completion": right}
        else:
            wrong = right.replace(f"#{answer(question)}", f"#{int(answer(question)) + 1}")
            row |= {"chosen_attempt_id": f"a{n}", "rejected_attempt_id": f"b{n}", "chosen": right, "rejected": wrong}
            row |= {"chosen_winrate": 0.75, "rejected_winrate": 0.25, "pair_winrate": 0.75}
        rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


if __name__ == "__main__":
    main()
