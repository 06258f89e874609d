"""Bounds: the most that a play of a stage can come to, by its settings and the rows that it can be given."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.manifest import TableRef, ValidRows
from schemas.settings import Evaluate
from schemas.training import READS, READS_BESIDE, Train
from schemas.work import ROW_BYTES, Work, of_rows
from tasks.sources import Sources, table_of


def work_of(stage: Callable[..., Any], inputs: Mapping[str, Any], sources: Sources, weights: int) -> Work:
    """Of a stage with its inputs. `weights`: bytes of the base model's."""
    settings, rows = inputs.get("settings"), _rows(inputs)
    declared: Callable[..., Work] | None = getattr(sys.modules[stage.__module__], "work", None)
    if declared:
        named = {"rows": rows, **inputs}
        return declared(**{name: named[name] for name in inspect.signature(declared).parameters if name in named})
    match stage.__name__:
        case "collect":
            given = [row for source in sources.named for row in source.rows]
            return Work(len(given), bytes=sum(ROW_BYTES + len(str(row).encode()) for row in given))
        case "evaluate" if isinstance(settings, Evaluate):
            return _evaluated(inputs["settings"], sources, inputs["sealed"])
        case "train":
            return _trained(inputs["settings"], rows, weights * inputs.get("stretches", 1))
    found = _by_default(settings, rows)
    return found if getattr(stage, "writes", ()) else replace(found, bytes=0)


def collected(sources: Sources) -> dict[str, int]:
    """Rows of the user's, by table."""
    items = {"inputs/benchmark_items": sum(len(source.rows) for _, source in sources.benchmarks)}
    return items | {table_of(name).name: len(source.rows) for name, source in sources.data.items()}


def _by_default(settings: Any, rows: Mapping[str, int]) -> Work:
    longest = getattr(getattr(settings, "sampling", None), "max_tokens", 0)
    return of_rows(sum(rows.values()) * getattr(settings, "num_samples", 1), longest=longest)


def _rows(inputs: Mapping[str, Any]) -> dict[str, int]:
    """Parameter -> most rows of the tables that it is given; in waves, a wave's share of them."""
    wave = inputs.get("wave")
    waves = wave[1] if isinstance(wave, tuple) else 1
    counted = {name: _count(value) for name, value in inputs.items()}
    return {name: -(-count // waves) for name, count in counted.items() if count is not None}


def _count(value: Any) -> int | None:
    """None for what is no table."""
    match value:
        case TableRef():
            return value.rows
        case ValidRows():
            return sum(ref.rows for ref in value.tables)
        case tuple() if value and all(isinstance(each, TableRef | ValidRows) for each in value):
            return sum(_count(each) or 0 for each in value)
    return None


def _evaluated(settings: Evaluate, sources: Sources, sealed: str) -> Work:
    """Greedy on every item, samples on some."""
    if sealed:
        answers = sum(len(source.rows) for benchmark, source in sources.benchmarks if benchmark.name == sealed)
    else:
        rows = [len(source.rows) for benchmark, source in sources.benchmarks if not benchmark.sealed]
        answers = sum(count + min(count, settings.sampled_items) * settings.num_samples for count in rows)
    return of_rows(answers, longest=settings.max_tokens)


def _trained(settings: Train, rows: Mapping[str, int], weights: int) -> Work:
    """A preference loss reads two answers a row, and perhaps the base's; what references say of a pair is stored."""
    read, tokens, steps = 0, 0, 0
    for method in settings.methods:
        section = settings.of(method)
        answers = (
            1 if method in ("sft", "kto", "policy") else 3 if method in READS_BESIDE and settings.base_samples else 2
        )
        steps += section.steps
        read += section.steps * section.batch_size
        tokens += section.steps * section.batch_size * section.max_length * answers
    referred = len(settings.references) * rows.get(READS[settings.methods[-1]], 0)
    copies = 1 + (settings.lora is not None) + (4 if settings.policy else 0)  # adapters apart; moments, in float32
    return Work(read, trained=tokens, bytes=weights * copies + ROW_BYTES * (steps + referred))
