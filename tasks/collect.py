"""Collect: the rows a user brings, as they are when the round begins; what touches a benchmark stays out."""

from typing import Any

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.inputs import BENCHMARK_ITEMS, GOLD, PROBE, SEEDS
from schemas.manifest import CheckpointRef
from schemas.selections import CONTAMINATION
from schemas.table import writes
from tasks.files import Row
from tasks.novelty.contamination import ProtectedTexts
from tasks.prompts import Prompt
from tasks.sources import Sources
from tasks.store.draft import Draft


@writes(SEEDS, GOLD, PROBE, BENCHMARK_ITEMS, CONTAMINATION, DROPPED)
def collect(
    draft: Draft,
    *,
    sources: Sources,
    ngram: int | None,
    near: float | None,
    prompt: Prompt | None = None,
    base: CheckpointRef | None = None,
) -> dict[str, Any]:
    """Write the rows, and drop the seeds and gold rows that touch a benchmark or the probe: they would teach it.

    Gold rows need the solver's `prompt` and, for a chat, the template of `base`. Raises ValidationFailed if that
    leaves no seed, or no gold row.
    """
    probe = [_with_id(draft, PROBE, row) for row in sources.probe.rows]
    items = [
        _with_id(draft, BENCHMARK_ITEMS, row | {"benchmark": benchmark.name, "sealed": benchmark.sealed})
        for benchmark, source in sources.benchmarks
        for row in source.rows
    ]
    protected = ProtectedTexts(
        [("probe", row["id"], row["question"]) for row in probe]
        + [(row["benchmark"], row["id"], row["question"]) for row in items],
        ngram=ngram,
        near=near,
    )
    brought = [(SEEDS, row) for row in sources.seeds.rows]
    if sources.gold:
        assert prompt and base
        brought += [(GOLD, row) for row in _asked(draft, sources.gold.rows, prompt, base)]
    kept: dict[str, list[Row]] = {SEEDS.name: [], GOLD.name: []}
    hits, dropped = [], []
    for done, (table, row) in enumerate((table, _with_id(draft, table, row)) for table, row in brought):
        draft.report(done, len(brought), "rows")
        if hit := protected.find(row["question"]):
            hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
            limit = near if hit.kind == "near" else None
            dropped.append(draft.refused(row["id"], table, hit.reason, hit.score, limit, row["question"]))
        else:
            kept[table.name].append(row)
    for key, source, table in (("data.seeds", sources.seeds, SEEDS), ("data.gold", sources.gold, GOLD)):
        if source and not kept[table.name]:
            raise ValidationFailed(f"{key}: each of the {len(source.rows):,} rows touches a benchmark or the probe")
    draft.write(SEEDS, kept[SEEDS.name])
    if sources.gold:
        draft.write(GOLD, kept[GOLD.name])
    draft.write(PROBE, probe)
    draft.write(BENCHMARK_ITEMS, items)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {
        "unusable": {source.key: source.unusable for source in sources.named},
        "read_as": {source.key: source.read_as for source in sources.named if source.read_as},
    }


def _asked(draft: Draft, gold: tuple[Row, ...], prompt: Prompt, base: CheckpointRef) -> list[Row]:
    """Gold rows with what the solver is asked, as an engine would write it."""
    prompts = [prompt.render(question=row["question"]) for row in gold]
    if any(not isinstance(rendering, str) for rendering in prompts):
        from transformers import AutoTokenizer

        from tasks.engines.transformers import rendered

        tokenizer = AutoTokenizer.from_pretrained(draft.checkpoint(base), local_files_only=True)
        prompts = [rendered(tokenizer, rendering) for rendering in prompts]
    return [row | {"prompt": text} for row, text in zip(gold, prompts, strict=True)]


def _with_id(draft: Draft, table: Any, row: Row) -> Row:
    return {"id": draft.row_id(table, row.get("benchmark", ""), row["source_row"])} | row
