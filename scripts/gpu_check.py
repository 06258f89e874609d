"""One round of a recipe on this machine's GPU, as one table: what each stage gave of what the device can, and took.

    python scripts/gpu_check.py [RECIPE]

Without a GPU it says so and measures the CPU. The recipe's engine becomes transformers' in this process (bfloat16 on
a GPU). The device's limit is measured here too: the rate of one large matrix product.
"""

import argparse
import json
import math
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tomli_w
from rich.console import Console
from rich.table import Table as RichTable

from schemas.manifest import Manifest
from schemas.train_steps import TRAIN_STEPS
from tasks.store.lineage import Lineage, open_lineage
from tasks.store.parquet import read_table
from tasks.store.tensors import tensors_of

ROOT = Path(__file__).resolve().parents[1]
GENERATING = ("propose", "solve", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(description="One round of a recipe on this machine's GPU, as one table.")
    parser.add_argument("recipe", nargs="?", type=Path, default=ROOT / "deployments/recipes/smollm2_topics.toml")
    parser.add_argument("--batch-rows", type=int, help="sequences generated at once, if not the recipe's own number")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    device, limit = device_and_limit()
    with tempfile.TemporaryDirectory() as folder:
        path = recipe_for_this(arguments.recipe, Path(folder), arguments.batch_rows)
        memory, lineage = played(path, Path(folder) / "store")
        recipe, (m,) = tomllib.loads(path.read_text()), lineage.manifests
        parameters = sum(math.prod(shape) for _, shape in tensors_of(Path(recipe["model"]["path"])).values())
        rows = [row_of(lineage, m, parameters, stage, memory[stage], limit) for stage in m.seconds if stage in memory]
    if arguments.json:
        print(json.dumps({"device": device, "limit_flops": limit, "decision": m.decision, "stages": rows}, indent=2))
        return
    table = RichTable(*rows[0], title=f"{device}: {limit / 1e12:.1f} TFLOP/s in a matrix product", box=None)
    for row in rows:
        table.add_row(*(f"{value:,.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=160).print(table)
    print(f"{recipe['name']}, {parameters:,} parameters: {m.decision}: {m.reason}")


def device_and_limit() -> tuple[str, float]:
    """The device in words, and the FLOP/s of a product of two large matrices in the engine's number format."""
    import torch

    from tasks.engines.device import device_and_dtype
    from tasks.publish import device_name

    device, dtype = device_and_dtype()
    side, times = (8192, 50) if device == "cuda" else (2048, 4)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    for count in (3, times):  # the first warms up
        _settle()
        began = time.perf_counter()
        for _ in range(count):
            a @ b
        _settle()
        rate = 2 * side**3 * count / (time.perf_counter() - began)
    if device == "cpu":
        print("no GPU that torch sees: this measures the CPU")
    return device_name(), rate


def _settle() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def recipe_for_this(path: Path, folder: Path, batch_rows: int | None) -> Path:
    """The recipe with its paths made absolute and the engine of this process."""
    recipe = tomllib.loads(path.read_text())
    data = recipe["data"]
    named = (recipe["model"], data["seeds"], data["probe"], *recipe["benchmarks"], *filter(None, [data.get("gold")]))
    for source in named:
        source["path"] = str((path.parent / source["path"]).resolve())
    rows = batch_rows or recipe["engine"].get("batch_rows", 256)
    recipe["engine"] = {"kind": "transformers", "batch_rows": rows}
    recipe["rounds"] = 1
    (folder / "recipe.toml").write_text(tomli_w.dumps(recipe))
    return folder / "recipe.toml"


def played(recipe: Path, store: Path) -> tuple[dict[str, dict[str, float]], Lineage]:
    """Stage -> MB in use before and after it, and at its peak; and the round."""
    from flows import environment

    environment.prepare()

    from flows.console import Console as Shown
    from flows.run import run_recipe
    from flows.stage import Stages

    memory: dict[str, dict[str, float]] = {}
    play = Stages._played

    def watched(self: Stages, round: Any, stage: Any, shown: str, *rest: Any) -> Any:
        with peak() as of:
            record = play(self, round, stage, shown, *rest)
        memory[shown] = of
        return record

    with patch.object(Stages, "_played", watched):
        run_recipe(recipe, store, 1, Shown(to_stderr=True))
    return memory, open_lineage(store, tomllib.loads(recipe.read_text())["name"])


@contextmanager
def peak() -> Iterator[dict[str, float]]:
    """MB that this process holds of the GPU's memory, before, at most and after; on a CPU, of the machine's."""
    import psutil
    import torch

    on_gpu, process, of = torch.cuda.is_available(), psutil.Process(), dict[str, float]()
    held = torch.cuda.memory_reserved if on_gpu else lambda: process.memory_info().rss
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    of["before, MB"] = held() / 1e6
    yield of
    of["peak, MB"] = (torch.cuda.max_memory_reserved() if on_gpu else process.memory_info().rss) / 1e6
    of["after, MB"] = held() / 1e6


def row_of(
    lineage: Lineage, m: Manifest, parameters: int, stage: str, memory: Mapping[str, float], limit: float
) -> dict[str, Any]:
    """What a stage made a second. The share of the limit counts two FLOPs a parameter and token for a forward pass,
    six for a step of training (Kaplan et al. 2020, arXiv 2001.08361), and none of attention's own."""
    seconds, tokens, flops = m.seconds[stage], m.tokens.get(stage, 0), 0.0
    if stage == "train":
        tokens = trained(lineage, m)
        flops = 6.0 * parameters * tokens
    elif stage.split(".")[0] in GENERATING:
        flops = 2.0 * parameters * tokens
    told = {"stage": stage, "s": seconds, "tokens": f"{tokens:,}" if flops else "-"}
    told |= {"tokens/s": f"{tokens / seconds:,.0f}" if flops else "-"}
    told |= {"of the limit": f"{flops / seconds / limit:.2%}" if flops else "-"}
    return {**told, **memory}


def trained(lineage: Lineage, m: Manifest) -> int:
    """Tokens that the optimiser's steps saw."""
    found: dict[str, int] = {}
    for ref in m.tables["train_steps"]:
        for row in read_table(lineage.folder, ref, TRAIN_STEPS).to_pylist():
            found[row["method"]] = max(found.get(row["method"], 0), row["num_tokens"] or 0)
    return sum(found.values())


if __name__ == "__main__":
    main()
