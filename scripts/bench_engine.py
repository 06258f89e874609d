"""make bench: the transformers engine against plain `generate` loops, a shared prefill, and the engine in a round.

Tokens a second are of whole runs over the same prompts, played in turn; the loop's batch size is swept, and its best
is held against the engine's at each size of its own.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table as RichTable

from schemas.engines import TransformersEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Completion, Engine, Request, completed

ROOT = Path(__file__).resolve().parents[1]
TIMES = 3
MATH = ROOT / "deployments/data/math/seeds.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description="The transformers engine against plain `generate` loops.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--only", choices=("loops", "prefill", "round"), help="one part of it")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {"loops": loops, "prefill": prefill, "round": in_a_round}
    found = {name: part() for name, part in parts.items() if arguments.only in (None, name)}
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    console = Console(width=140)
    for name, rows in found.items():
        table = RichTable(*rows[0], title=name, box=None)
        for row in rows:
            table.add_row(*map(str, row.values()))
        console.print(table)


def models() -> Iterator[tuple[str, Checkpoint, list[str], int, tuple[int, ...]]]:
    """Name, weights, prompts, longest completion, batch sizes."""
    sums = [json.loads(line)["question"] for line in (ROOT / "deployments/data/sums/benchmark.jsonl").open()]
    yield "tiny", Checkpoint("tiny", ROOT / "deployments/models/tiny"), [f"{q}=\n" for q in sums[:2048]], 56, (
        128, 256, 512, 1024, 2048,
    )  # fmt: skip
    smollm2 = ROOT / "deployments/models/smollm2"
    if (smollm2 / "model.safetensors").exists():
        problems = [json.loads(line)["question"] for line in MATH.open()]
        yield "SmolLM2", Checkpoint("smollm2", smollm2), problems[:24], 32, (6, 12, 24)


def loops() -> list[dict[str, Any]]:
    """Medians of tokens a second at the best batch size: of the engine, and of loops with two kinds of noise."""
    rows = []
    for name, weights, prompts, longest, sizes in models():
        rates: dict[str, dict[int, list[float]]] = {way: {size: [] for size in sizes} for way in WAYS}
        for number in range(TIMES + 1):  # the first is not counted
            for size in sizes:
                with opened(weights, size) as engine:
                    for way, play in WAYS.items():
                        began = time.perf_counter()
                        tokens = play(engine, prompts, longest, size)
                        rates[way][size] += [tokens / (time.perf_counter() - began)] if number else []
        best = {way: max((statistics.median(r), size) for size, r in of.items()) for way, of in rates.items()}
        for way, (rate, size) in best.items():
            times = best["engine"][0] / rate
            rows.append(
                {
                    "model": name,
                    "way": way,
                    "best batch": size,
                    "tokens/s": f"{rate:,.0f}",
                    "engine / it": f"{times:.2f}",
                }
            )
    return rows


def by_the_engine(engine: Any, prompts: Sequence[str], longest: int, size: int) -> int:
    sampling = Sampling(temperature=1.0, max_tokens=longest)
    requests = [Request(str(i), prompt, sampling, seed=i) for i, prompt in enumerate(prompts)]
    return sum(completion.num_tokens for completion in completed(engine, requests))


def plain(engine: Any, prompts: Sequence[str], longest: int, size: int, noise: bool) -> int:
    """A loop as one would write it: batches of like length, `generate`, decode. The number of tokens generated."""
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    from tasks.engines.noise import RowKeyedSampling

    model, tokenizer, tokens = engine.model, engine.tokenizer, 0
    end = tokenizer.eos_token_id
    ranked = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    config = GenerationConfig(
        do_sample=not noise, temperature=None if noise else 1.0, top_k=None if noise else 0, max_new_tokens=longest,
        eos_token_id=end, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    for start in range(0, len(ranked), size):
        batch = tokenizer([prompts[i] for i in ranked[start : start + size]], return_tensors="pt", padding=True)
        batch, length = batch.to(model.device), batch["input_ids"].shape[1]
        seeds = torch.tensor(ranked[start : start + size], device=model.device)
        drawn = [RowKeyedSampling(Sampling(temperature=1.0, max_tokens=longest), seeds, length)] if noise else []
        with torch.inference_mode():
            output = model.generate(**batch, generation_config=config, logits_processor=LogitsProcessorList(drawn))
        for row in output[:, length:].tolist():
            tokens += row.index(end) + 1 if end in row else len(row)
        tokenizer.batch_decode(output[:, length:], skip_special_tokens=True)
    return tokens


def prefill() -> list[dict[str, Any]]:
    """16 samples of a long prompt: in one request, and in 16 passes."""
    rows = []
    for name, weights, prompts, _, _ in models():
        few = " ".join(prompts[:24]) if name != "tiny" else "".join(prompts[:12])
        sampling = Sampling(temperature=1.0, max_tokens=8)
        one = [Request("q", few, sampling, seed=1, n=16)]
        many = [Request(str(i), few, sampling, seed=i) for i in range(16)]
        seconds: dict[str, list[float]] = {"one request": [], "16 passes": []}
        with opened(weights, 16) as engine:
            length = len(engine.tokenizer(few)["input_ids"])
            for time_of in range(TIMES + 1):
                for way, asked in (("one request", [one]), ("16 passes", [[r] for r in many])):
                    began = time.perf_counter()
                    for requests in asked:
                        completed(engine, requests)
                    seconds[way] += [time.perf_counter() - began] if time_of else []
        shared, apart = (statistics.median(seconds[way]) for way in ("one request", "16 passes"))
        rows.append(
            {
                "model": name,
                "prompt, tokens": length,
                "one request, s": f"{shared:.2f}",
                "16 passes, s": f"{apart:.2f}",
            }
            | {"times": f"{apart / shared:.1f}"}
        )
    return rows


def in_a_round() -> list[dict[str, Any]]:
    """Three rounds of the quickstart in one run: engines started in each, and how long one was open without work."""
    from bench_rounds import recipe_with

    from flows import environment

    environment.prepare()

    from flows import nightly
    from flows.console import Console as Shown
    from flows.run import run_recipe
    from tasks.engines import cores, transformers

    starts, busy, since = [0], [0.0], [0.0]
    rows: list[dict[str, Any]] = []
    generate = transformers.LocalEngine.generate
    play_round, held = nightly._play_round, [0.0]

    @contextmanager
    def watched(settings: TransformersEngine, folder: Path) -> Iterator[Engine]:
        starts[0] += 1
        since[0] = time.perf_counter()
        with transformers.open_transformers(settings, folder) as engine:
            yield engine
        held[0] += time.perf_counter() - since[0]

    def timed(self: Any, requests: Sequence[Request]) -> Iterator[Completion]:
        began = time.perf_counter()
        yield from generate(self, requests)
        busy[0] += time.perf_counter() - began

    def counted(*arguments: Any) -> Any:
        starts[0] = 0
        busy[0] = held[0] = 0.0
        since[0] = time.perf_counter()
        played = play_round(*arguments)
        now = time.perf_counter()
        held[0], since[0] = held[0] + now - since[0], now  # the last one stays open
        rows.append(
            {"round": played.round, "decision": played.decision, "engine starts": starts[0]}
            | {"open, s": f"{held[0]:.1f}", "generating, s": f"{busy[0]:.1f}", "idle": f"{1 - busy[0] / held[0]:.0%}"}
        )
        return played

    with (
        patch.object(cores, "open_on_cores", watched),  # one engine alone
        patch.object(transformers.LocalEngine, "generate", timed),
        patch.object(nightly, "_play_round", counted),
        tempfile.TemporaryDirectory() as folder,
    ):
        run_recipe(recipe_with(1, Path(folder)), Path(folder) / "store", 3, Shown(to_stderr=True))
    return rows


@contextmanager
def opened(weights: Checkpoint, batch_rows: int) -> Iterator[Any]:
    from tasks.engines.transformers import open_transformers

    with open_transformers(TransformersEngine(kind="transformers", batch_rows=batch_rows), weights.folder) as engine:
        yield engine


WAYS: dict[str, Callable[[Any, Sequence[str], int, int], int]] = {
    "engine": by_the_engine,
    "loop, transformers' sampling": partial(plain, noise=False),
    "loop, the engine's noise": partial(plain, noise=True),
}

if __name__ == "__main__":
    main()
