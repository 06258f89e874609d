"""Train: a candidate from the champion's weights, by real optimiser steps, into the store's objects."""

import gc
import shutil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ValidationFailed
from schemas.manifest import CheckpointRef, TableRef
from schemas.settings import Train as Settings
from schemas.train_steps import TRAIN_STEPS
from tasks.store.draft import Draft
from tasks.store.objects import keep_checkpoint
from tasks.training.dpo import train_dpo
from tasks.training.sft import train_sft


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
    """
    dropped = pa.concat_tables([draft.read(ref) for ref in invalid])["id"]
    rows = {"sft": _valid(draft, sft_examples, dropped), "dpo": _valid(draft, preference_pairs, dropped)}
    for method in settings.methods:
        if len(rows[method]) == 0:
            raise ValidationFailed(f"train: no valid row for {method}")
    work = draft.folder / "training" / draft.key
    shutil.rmtree(work, ignore_errors=True)
    source = draft.checkpoint(model)
    steps: list[dict[str, Any]] = []
    total = sum(optimiser.steps for optimiser in (settings.sft, settings.dpo) if optimiser)
    for method in settings.methods:
        target = work / method
        seed, done = draft.random_seed("train", method), len(steps)

        def progress(step: int, _: int, done: int = done) -> None:
            draft.report(done + step, total, "steps")

        if method == "sft" and settings.sft:
            steps += train_sft(source, target, rows["sft"], settings.sft, settings.lora, seed, progress)
        elif settings.dpo:
            steps += train_dpo(source, target, rows["dpo"], settings.dpo, settings.lora, seed, progress)
        source = target
        gc.collect()  # a trainer is full of cycles; the next one needs its memory
    candidate = keep_checkpoint(draft.lineage.objects, source)
    draft.write(TRAIN_STEPS, [{"id": draft.row_id(TRAIN_STEPS, row["method"], row["step"])} | row for row in steps])
    shutil.rmtree(work)
    return {"checkpoint": candidate.digest, "training_rows": {m: len(rows[m]) for m in settings.methods}}


def _valid(draft: Draft, refs: tuple[TableRef, ...], dropped: pa.ChunkedArray) -> pa.Table:
    rows = pa.concat_tables([draft.read(ref) for ref in refs])
    return rows.filter(pc.invert(pc.is_in(rows["id"], dropped)))
