"""Tokens a second by threads and processes, generated and trained on, on a quiet machine and on a busy one.

Each figure is the median of runs in processes of their own, played in turn. Busy: processes beside it that do nothing
but run. Nothing is measured, and the exit code is 4, on a machine whose load says that others use it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TIMES = 3
BUSY = 4
MOST_LOAD = 1.5
WAYS = {  # what OMP_NUM_THREADS says, and the width below which a model has processes instead of threads
    "1 thread": (1, 0),
    "2 threads": (2, 0),
    "2 processes": (2, 10**6),
}
MODELS: dict[str, dict[str, Any]] = {  # prompts, shards, batch, tokens; rows of a training batch, steps
    "tiny": {"prompts": 2048, "shards": 8, "batch_rows": 256, "max_tokens": 56, "rows": 64, "steps": 40},
    "smollm2": {"prompts": 48, "shards": 4, "batch_rows": 12, "max_tokens": 16, "rows": 4, "steps": 6},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Tokens a second by threads and processes.")
    parser.add_argument("--only", choices=MODELS, help="one of the models")
    parser.add_argument("--anyway", action="store_true", help="measure whatever the load is")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        name, what, way = arguments.run
        print({"generate": generated, "train": trained}[what](name, WAYS[way][1]))
        return
    if (load := os.getloadavg()[0]) > MOST_LOAD and not arguments.anyway:
        print(f"load {load:.1f}, above {MOST_LOAD}: others use this machine; nothing measured", file=sys.stderr)
        raise SystemExit(4)
    names = [name for name in MODELS if arguments.only in (None, name) and weights(name).exists()]
    print("| model | what | way | quiet, tokens/s | busy, tokens/s |\n|---|---|---|--:|--:|")
    for name in names:
        for what in ("generate", "train"):
            ways = [way for way in WAYS if what == "generate" or "processes" not in way]
            quiet = {way: [run(name, what, way) for _ in range(TIMES)] for way in ways}
            with busy():
                beside = {way: [run(name, what, way) for _ in range(TIMES)] for way in ways}
            for way in ways:
                figures = (f"{statistics.median(of[way]):,.0f} ({min(of[way]):,.0f} to {max(of[way]):,.0f})"
                           for of in (quiet, beside))  # fmt: skip
                print(f"| {name} | {what} | {way} | {' | '.join(figures)} |", flush=True)


def weights(name: str) -> Path:
    return ROOT / f"deployments/models/{name}/model.safetensors"


def run(name: str, what: str, way: str) -> float:
    command = [sys.executable, __file__, "--run", name, what, way]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": str(WAYS[way][0])}, stdout=subprocess.PIPE, check=True
    )
    return float(ran.stdout.split()[-1])


@contextmanager
def busy() -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def generated(name: str, small: int) -> float:
    """Tokens a second of several shards, asked as a stage asks, once every engine has loaded."""
    from concurrent.futures import ThreadPoolExecutor

    from schemas.engines import TransformersEngine
    from schemas.settings import Sampling
    from tasks.engines import Request, completed, device
    from tasks.engines.cores import CoreEngines, open_on_cores

    device.SMALL = small
    size = MODELS[name]
    sampling = Sampling(temperature=1.0, max_tokens=size["max_tokens"])
    requests = [Request(f"{n}", text, sampling, seed=n) for n, text in enumerate(texts(name)[: size["prompts"]])]
    shards = [requests[first :: size["shards"]] for first in range(size["shards"])]
    settings = TransformersEngine(kind="transformers", batch_rows=size["batch_rows"])
    with open_on_cores(settings, weights(name).parent) as engine, ThreadPoolExecutor(engine.at_once) as threads:
        while isinstance(engine, CoreEngines) and engine._idle.qsize() < engine.at_once:
            time.sleep(0.05)
        began = time.perf_counter()
        made = list(threads.map(lambda shard: completed(engine, shard), shards))
        seconds = time.perf_counter() - began
    return float(sum(one.num_tokens for of in made for one in of) / seconds)


def trained(name: str, small: int) -> float:
    """Tokens a second of SFT's steps but the first, padding counted."""
    import pyarrow as pa

    from schemas.losses import Sft
    from schemas.training import Stop
    from tasks.engines import device
    from tasks.training.methods import train_method
    from tasks.training.references import References
    from tasks.training.trainer import Phase
    from tasks.training.weights import load_tokenizer

    device.SMALL = small
    size, length = MODELS[name], 64
    folder, at = weights(name).parent, list[float]()
    tokenizer = load_tokenizer(folder)
    given = [(tokenizer(text)["input_ids"] * length)[:length] for text in texts(name)[: size["rows"] * 8]]
    rows = [{"id": f"{n}", "prompt_ids": ids[:8], "completion_ids": ids[8:]} for n, ids in enumerate(given)]
    section = Sft(
        steps=size["steps"], batch_size=size["rows"], rows_at_once=size["rows"], learning_rate=1e-4,
        schedule="constant", max_length=length, completion_only=False,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as work:
        phase = Phase(
            method="sft", source=folder, work=Path(work), begun=None, save_minutes=60, lora=None, stop=Stop(), seed=1,
            progress=lambda step: at.append(time.perf_counter()),
        )  # fmt: skip
        train_method(phase, pa.Table.from_pylist(rows), section, References())
    return float((len(at) - 1) * size["rows"] * length / (at[-1] - at[0]))


def texts(name: str) -> list[str]:
    path, end = ("sums/benchmark", "=\n") if name == "tiny" else ("math/seeds", "")
    return [f"{json.loads(line)['question']}{end}" for line in (ROOT / f"deployments/data/{path}.jsonl").open()]


if __name__ == "__main__":
    from flows import environment

    environment.prepare()
    main()
