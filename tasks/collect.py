"""Collect: the rows a user brings, as they are when the round begins; what touches a benchmark stays out."""

from typing import Any

from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.inputs import BENCHMARK_ITEMS, DOCUMENTS, GOLD, PROBE, SEEDS, TASKS, UNLABELLED
from schemas.manifest import CheckpointRef
from schemas.recipe import SolvedRows
from schemas.settings import Contamination
from schemas.table import writes
from tasks.figures import many
from tasks.files import Row
from tasks.novelty.contamination import Hit, ProtectedTexts, protected_texts
from tasks.prompts import Prompt
from tasks.sources import Sources, table_of
from tasks.store.draft import Draft


@writes(SEEDS, UNLABELLED, GOLD, PROBE, DOCUMENTS, TASKS, BENCHMARK_ITEMS, CONTAMINATION, DROPPED)
def collect(
    draft: Draft,
    *,
    sources: Sources,
    protection: Contamination,
    prompt: Prompt | None = None,
    base: CheckpointRef | None = None,
) -> dict[str, Any]:
    """Write the rows, and drop those that touch a benchmark or another protected row: they would teach it.

    Worked solutions need the solver's `prompt`, as the tokenizer of `base` writes it. Raises ValidationFailed if
    that leaves no row of a file.
    """
    found = {name: [_with_id(draft, table_of(name), row) for row in s.rows] for name, s in sources.data.items()}
    items = [
        _with_id(draft, BENCHMARK_ITEMS, row | {"benchmark": benchmark.name, "sealed": benchmark.sealed})
        for benchmark, source in sources.benchmarks
        for row in source.rows
    ]
    known = ((name, found[name]) for name in sources.protected)
    protected = protected_texts(protection, *known, (BENCHMARK_ITEMS.id_prefix, items))
    kept: dict[str, list[Row]] = {name: [] for name in found}
    hits, dropped, done = [], [], 0
    total = sum(map(len, found.values()))
    for name, rows in found.items():
        for row in rows:
            draft.report(done, total, "rows")
            done += 1
            if name not in sources.protected and (hit := _hit(protected, row)):
                hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
                refused = (hit.reason, hit.score, hit.limit(protection), _text(row))
                dropped.append(draft.refused(row["id"], table_of(name), *refused))
            else:
                kept[name].append(row)
        if not kept[name]:
            raise ValidationFailed(f"data.{name}: each of the {many(len(rows), 'row')} touches a protected row")
    for name, rows in kept.items():
        solved = isinstance(sources.data[name].asked, SolvedRows)
        draft.write(table_of(name), _asked(draft, rows, prompt, base) if solved else rows)
    draft.write(BENCHMARK_ITEMS, items)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {
        "unusable": {source.key: source.unusable for source in sources.named},
        "read_as": {source.key: source.read_as for source in sources.named if source.read_as},
    }


def _hit(protected: ProtectedTexts, row: Row) -> Hit | None:
    """What a row repeats; of a text of several lines, what any of them does."""
    text = _text(row)
    lines = text.splitlines() if "text" in row else ()
    return protected.find(text) or next((hit for line in lines if (hit := protected.find(line))), None)


def _text(row: Row) -> str:
    """The question, or the document."""
    text: str = row["question"] if "question" in row else row["text"]
    return text


def _asked(draft: Draft, gold: list[Row], prompt: Prompt | None, base: CheckpointRef | None) -> list[Row]:
    """Gold rows with what the solver is asked, as an engine would write it."""
    assert prompt and base
    from transformers import AutoTokenizer

    from tasks.engines.texts import asked

    tokenizer = AutoTokenizer.from_pretrained(draft.checkpoint(base), local_files_only=True)
    prompts = [asked(tokenizer, prompt.render(question=row["question"])) for row in gold]
    return [row | {"prompt": one.text, "prompt_ids": one.told} for row, one in zip(gold, prompts, strict=True)]


def _with_id(draft: Draft, table: Any, row: Row) -> Row:
    return {"id": draft.row_id(table, row.get("benchmark", ""), row["source_row"])} | row
