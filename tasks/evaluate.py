"""Evaluate: one checkpoint on the frozen benchmarks, item by item."""

import hashlib
from collections import defaultdict
from typing import Any

from schemas.evaluations import EVALUATIONS
from schemas.manifest import TableRef
from schemas.settings import Answers, Sampling
from schemas.settings import Evaluate as Settings
from schemas.table import writes
from tasks.answers.canonical import answer_of, stated
from tasks.answers.equality import Compare, equality
from tasks.answers.verify import Outcome
from tasks.audit.scores import majorities, score
from tasks.engines import Engine, Request, completed
from tasks.engines.staged import engine_of_stage
from tasks.prompts import Prompt
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]
Shard = tuple[list[Row], Sampling, int]  # items, and how often each is asked how


@writes(EVALUATIONS)
def evaluate(
    draft: Draft,
    *,
    settings: Settings,
    checks: Answers,
    solver: Role,
    benchmark_items: TableRef,
    sealed: str = "",
) -> dict[str, Any]:
    """Write `evaluations`; the figure `scores` holds a Score a benchmark. Sealed benchmarks are not touched, unless
    one is named: then it alone is, greedy, and the reading is noted. An item without an answer counts as wrong, for
    every checkpoint alike: left out, it would make a score of the items that a server likes.

    Greedy on every item; num_samples samples on the sampled_items whose questions hash smallest.
    """
    items: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(benchmark_items).to_pylist():
        if row["benchmark"] == sealed if sealed else not row["sealed"]:
            items[row["benchmark"]].append(row)
    work = [shard for rows in items.values() for shard in shards(settings, rows, sampled=not sealed)]
    found: list[Row] = []
    if sealed:
        draft.note_reading(sealed, solver.model)
    with (
        equality(checks, draft.cache) as compare,
        engine_of_stage(draft, solver) as generator,
    ):

        def answer(shard: Shard, progress: Progress) -> tuple[list[Row]]:
            rows = [
                {"id": draft.row_id(EVALUATIONS, row["item_id"], row["greedy"], row["sample"])}
                | {"checkpoint": solver.model.digest, "verified": generator.identity is None}
                | row
                for row in answered(generator, solver.prompt, checks, compare, *shard, progress)
            ]
            return (rows,)

        for (rows,) in each_shard(
            draft, (EVALUATIONS,), work, answer, unit="answers", size=lambda shard: len(shard[0]) * shard[2],
            workers=generator.at_once,
        ):  # fmt: skip
            found += rows
        scores = {name: score(found, name, majorities(found, name, checks, compare)) for name in items}
    return {"scores": {name: of_benchmark.model_dump() for name, of_benchmark in scores.items()}}


def shards(settings: Settings, items: list[Row], sampled: bool = True) -> list[Shard]:
    """What is asked of a benchmark's items: all of them once, greedy; a few of them several times, if `sampled`."""
    ranked = sorted(items, key=lambda row: hashlib.sha256(row["question"].encode()).digest())
    found: list[Shard] = []
    for asked, temperature, n in (
        (ranked, 0.0, 1),
        (ranked[: settings.sampled_items], settings.temperature, settings.num_samples if sampled else 0),
    ):
        sampling = Sampling(temperature=temperature, max_tokens=settings.max_tokens, stop=settings.stop)
        size = max(1, settings.items_per_shard // max(1, n))
        found += [(asked[i : i + size], sampling, n) for i in range(0, len(asked) if n else 0, size)]
    return found


def answered(
    generator: Engine,
    prompt: Prompt,
    checks: Answers,
    compare: Compare,
    items: list[Row],
    sampling: Sampling,
    n: int = 1,
    progress: Progress = lambda completions: None,
) -> list[Row]:
    """Complete each item (id, question, reference) n times, read the answer, hold it against the reference: columns
    of `evaluations`, without ids of their own."""
    item_of = {item["id"]: item | {"reference": stated(item["reference"], checks)} for item in items}
    requests = [
        Request(item["id"], prompt.render(question=item["question"]), sampling, _noise(item["question"]), n)
        for item in items
    ]
    completions = completed(generator, requests, progress)
    answers = [answer_of(c.text, checks).text if c.is_answer else None for c in completions]
    outcomes = compare(
        [(item_of[c.request_id]["reference"], a or "") for c, a in zip(completions, answers, strict=True)]
    )
    return [
        {"benchmark": item_of[c.request_id]["benchmark"], "item_id": c.request_id}
        | {"greedy": sampling.temperature == 0.0, "sample": c.sample, "text": c.text, "answer": answer}
        | {"reference": item_of[c.request_id]["reference"]}
        | {"correct": _is_correct(outcome) if c.is_answer else False}
        | {"num_tokens": c.num_tokens, "finish_reason": c.finish_reason}
        for c, answer, outcome in zip(completions, answers, outcomes, strict=True)
    ]


def _is_correct(outcome: Outcome) -> bool | None:
    return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL


def _noise(question: str) -> int:
    """An item's noise depends on its text alone: every checkpoint meets the same."""
    return int.from_bytes(hashlib.sha256(f"evaluate\0{question}".encode()).digest()[:8]) >> 1
