"""Evaluate: one checkpoint on the frozen benchmarks, item by item."""

import hashlib
from collections import defaultdict
from typing import Any

from schemas.evaluations import EVALUATIONS
from schemas.manifest import CheckpointRef, Score, TableRef
from schemas.settings import Evaluate as Settings
from schemas.settings import Judge, OpenAIEngine, Sampling, TransformersEngine
from tasks.audit.statistics import mean_interval, wilson
from tasks.checks.answers import final_answer
from tasks.checks.equality import Compare, equality
from tasks.checks.verify import Outcome
from tasks.engines import Engine, Request, open_engine
from tasks.prompts import Prompt
from tasks.store.draft import Draft

Row = dict[str, Any]


def evaluate(
    draft: Draft,
    *,
    settings: Settings,
    checks: Judge,
    engine: TransformersEngine | OpenAIEngine,
    prompt: Prompt,
    model: CheckpointRef,
    benchmark_items: TableRef,
) -> dict[str, Any]:
    """Write `evaluations`; the figure `scores` holds a Score a benchmark. Sealed benchmarks are not touched.

    Greedy on every item; num_samples samples on the sampled_items whose questions hash smallest.
    """
    items: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(benchmark_items).to_pylist():
        if not row["sealed"]:
            items[row["benchmark"]].append(row)
    greedy = Sampling(temperature=0.0, max_tokens=settings.max_tokens, stop=settings.stop)
    sampled = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, stop=settings.stop)
    work: list[tuple[list[Row], Sampling, int]] = []
    for rows in items.values():
        rows.sort(key=lambda row: hashlib.sha256(row["question"].encode()).digest())
        few = rows[: settings.sampled_items] if settings.num_samples else []
        for asked, sampling, n in ((rows, greedy, 1), (few, sampled, settings.num_samples)):
            size = max(1, settings.items_per_shard // max(1, n))
            work += [(asked[i : i + size], sampling, n) for i in range(0, len(asked), size)]
    total, done = sum(len(rows) * n for rows, _, n in work), 0
    found: list[Row] = []

    def progress(completions: int) -> None:
        nonlocal done
        done += completions
        draft.report(done, total, "answers")

    with (
        equality(checks, draft.lineage.cache) as compare,
        open_engine(engine, draft.checkpoint(model), model) as generator,
    ):
        for part, (rows, sampling, n) in enumerate(work):

            def answer(rows: list[Row] = rows, sampling: Sampling = sampling, n: int = n) -> list[Row]:
                return _answered(draft, generator, prompt, model, checks, compare, rows, sampling, n, progress)

            found += draft.part(EVALUATIONS, part, answer, of=len(work))
            done = len(found)
            draft.report(done, total, "answers")
    return {"scores": {name: _score(found, name).model_dump() for name in items}}


def _answered(
    draft: Draft,
    generator: Engine,
    prompt: Prompt,
    model: CheckpointRef,
    checks: Judge,
    compare: Compare,
    rows: list[Row],
    sampling: Sampling,
    n: int,
    progress: Any,
) -> list[Row]:
    """One shard: complete, read the answer, hold it against the reference."""
    item_of = {row["id"]: row for row in rows}
    requests = [
        Request(row["id"], prompt.render(question=row["question"]), sampling, _noise(row["question"]), n)
        for row in rows
    ]
    completions = generator.generate(requests, progress)
    draft.generated(sum(c.num_tokens for c in completions))
    greedy = sampling.temperature == 0.0
    answers = [final_answer(c.text, checks.answer_pattern).text for c in completions]
    outcomes = compare(
        [(item_of[c.request_id]["reference"], a or "") for c, a in zip(completions, answers, strict=True)]
    )
    answered = []
    for c, answer, outcome in zip(completions, answers, outcomes, strict=True):
        item = item_of[c.request_id]
        answered.append(
            {"id": draft.row_id(EVALUATIONS, item["id"], greedy, c.sample), "benchmark": item["benchmark"]}
            | {"item_id": item["id"], "checkpoint": model.digest, "greedy": greedy, "sample": c.sample}
            | {"text": c.text, "answer": answer, "reference": item["reference"]}
            | {"correct": None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL}
            | {"num_tokens": c.num_tokens, "finish_reason": c.finish_reason}
        )
    return answered


def _noise(question: str) -> int:
    """An item's noise depends on its text alone: every checkpoint meets the same."""
    return int.from_bytes(hashlib.sha256(f"evaluate\0{question}".encode()).digest()[:8]) >> 1


def _score(rows: list[Row], benchmark: str) -> Score:
    greedy = [row["correct"] for row in rows if row["benchmark"] == benchmark and row["greedy"]]
    decided = [correct for correct in greedy if correct is not None]
    score = wilson(sum(decided), len(decided), undecided=len(greedy) - len(decided))
    samples: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row["benchmark"] == benchmark and not row["greedy"] and row["correct"] is not None:
            samples[row["item_id"]].append(row["correct"])
    if not samples:
        return score
    mean, low, high = mean_interval([sum(marks) / len(marks) for marks in samples.values()])
    k = max(len(marks) for marks in samples.values())
    more = {"mean_at_k": mean, "mean_low": low, "mean_high": high, "mean_n": len(samples), "k": k}
    return score.model_copy(update=more)
