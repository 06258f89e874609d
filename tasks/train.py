"""Train: a candidate from the champion's weights, by real optimiser steps, into the store's objects."""

import gc
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ValidationFailed
from schemas.manifest import CheckpointRef, TableRef
from schemas.train_steps import TRAIN_STEPS
from schemas.training import Train as Settings
from tasks.store.draft import Draft
from tasks.store.objects import keep_checkpoint
from tasks.training.dpo import train_dpo
from tasks.training.resume import Place, is_finished, newest_whole, step_of
from tasks.training.sft import train_sft
from tasks.training.trainer import Phase, out_of_memory_named


def train(
    draft: Draft,
    *,
    settings: Settings,
    model: CheckpointRef,
    sft_examples: tuple[TableRef, ...],
    preference_pairs: tuple[TableRef, ...],
    invalid: tuple[TableRef, ...],
) -> dict[str, Any]:
    """Write `train_steps` and the candidate, whose digest is the figure `checkpoint`.

    Tables of held rounds may stand beside this round's; rows that validation dropped (`invalid`) are left out.
    After a kill it goes on from the newest whole checkpoint, or method, to the same weights and rows.
    """
    dropped = pa.concat_tables([draft.read(ref) for ref in invalid])["id"]
    rows = {"sft": _valid(draft, sft_examples, dropped), "dpo": _valid(draft, preference_pairs, dropped)}
    for method in settings.methods:
        if len(rows[method]) == 0:
            raise ValidationFailed(f"train: no valid row for {method}")
    places = {method: Place(draft.scratch / method, draft.kept / method) for method in settings.methods}
    reached = {method: newest_whole(place) for method, place in places.items()}
    total = sum(optimiser.steps for optimiser in (settings.sft, settings.dpo) if optimiser)
    if any(reached.values()):
        draft.resumed(f"step {sum(step_of(folder) for folder in reached.values() if folder)} of {total}")
    source = draft.checkpoint(model)
    steps: list[dict[str, Any]] = []
    for method, folder in reached.items():
        done = len(steps)

        def progress(step: int, done: int = done) -> None:
            draft.report(done + step, total, "steps")

        if folder is None or not is_finished(folder):
            phase = Phase(
                method=method,
                source=source,
                place=places[method],
                begun=folder,
                save_minutes=settings.save_minutes,
                lora=settings.lora,
                seed=draft.random_seed("train", method),
                progress=progress,
                prove=draft.prove,
            )
            folder = _trained(phase, rows[method], settings)
            gc.collect()  # a trainer is full of cycles; the next one needs its memory
        steps += orjson.loads((folder / "steps.json").read_bytes())
        source = folder / "weights"
    candidate = keep_checkpoint(draft.lineage.objects, source)
    draft.write(TRAIN_STEPS, [{"id": draft.row_id(TRAIN_STEPS, row["method"], row["step"])} | row for row in steps])
    return {"checkpoint": candidate.digest, "training_rows": {m: len(rows[m]) for m in settings.methods}}


def _trained(phase: Phase, rows: pa.Table, settings: Settings) -> Path:
    with out_of_memory_named(phase.method):
        if phase.method == "sft":
            assert settings.sft
            return train_sft(phase, rows, settings.sft)
        assert settings.dpo
        return train_dpo(phase, rows, settings.dpo)


def _valid(draft: Draft, refs: tuple[TableRef, ...], dropped: pa.ChunkedArray) -> pa.Table:
    rows = pa.concat_tables([draft.read(ref) for ref in refs])
    return rows.filter(pc.invert(pc.is_in(rows["id"], dropped)))
