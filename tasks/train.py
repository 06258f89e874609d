"""Train: a candidate from the champion's weights, by real optimiser steps, into the store's objects."""

import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.losses import Policy, Preference
from schemas.manifest import CheckpointRef, ValidRows
from schemas.reference_logps import REFERENCE_LOGPS
from schemas.table import writes
from schemas.train_steps import TRAIN_STEPS
from schemas.training import READS
from schemas.training import Train as Settings
from tasks.store.draft import Draft
from tasks.store.objects import keep_checkpoint
from tasks.training.adapters import base_of, write_chained
from tasks.training.base_samples import TEXT, with_base_samples
from tasks.training.encoded import encoded, refuse_too_many
from tasks.training.launch import Crashed, train_launched
from tasks.training.marks import evenly, read_marks
from tasks.training.methods import train_method
from tasks.training.policy import Position, train_policy
from tasks.training.references import References, Row
from tasks.training.resume import Place, is_finished, keep, newest_whole, step_of
from tasks.training.trainer import Phase, collapse, out_of_memory_named
from tasks.training.weights import load_tokenizer

TEXTS = {"sft_examples": ("completion",), "preference_pairs": ("chosen", "rejected")}
"""What is learned from, or against, of a row; advantages are tokens already."""

PROVE_SECONDS = 5.0


class Start(NamedTuple):
    """What training sets out from."""

    model: CheckpointRef
    base: CheckpointRef | None
    moments: CheckpointRef | None
    """The optimiser's, of the wave before."""
    wave: int


@writes(TRAIN_STEPS, REFERENCE_LOGPS, DROPPED)
def train(
    draft: Draft,
    *,
    settings: Settings,
    model: CheckpointRef,
    base: CheckpointRef | None,
    sft_examples: ValidRows | None = None,
    preference_pairs: ValidRows | None = None,
    advantages: ValidRows | None = None,
    base_samples: ValidRows | None = None,
    stretches: int = 1,
    moments: CheckpointRef | None = None,
    adapter: CheckpointRef | None = None,
    wave: int = 1,
) -> dict[str, Any]:
    """Write `train_steps`, `reference_logps` where a loss has a reference, `dropped` rows (those longer than
    max_length), and the candidate, whose digest is the figure `checkpoint`.

    `base`: the lineage's first weights, for a loss that refers to them. Tables of earlier rounds may stand beside
    this round's. With `stretches` the weights at the end of
    each equal part of the last method's steps are kept too: figures `checkpoint_1`, `checkpoint_2`, ... A policy
    gradient goes on, in its `wave`, from the `moments` that the one before left; its own are the figure `moments`.
    A loss that weighs `base_samples` reads the one at the question of each pair.
    Adapters are merged into the candidate, and kept besides, as one: the figure `checkpoint_adapter`. It names the
    weights it goes onto, those the round began with: an `adapter` of the waves before is part of it.
    After a kill it goes on from the newest whole checkpoint, or method, to the same weights and rows.

    Raises ValidationFailed without a valid row or at a loss that is no finite number, Stopped where memory does not
    suffice.
    """
    tables = {"sft_examples": sft_examples, "preference_pairs": preference_pairs, "advantages": advantages}
    rows, dropped, anew = _rows(draft, settings, tables | {"base_samples": base_samples}, model)
    start = Start(model, base, moments, wave)
    ends = evenly(settings.of(settings.methods[-1]).steps, stretches)
    finished = _finished(draft, settings, rows, start, ends[:-1])
    newest = finished[-1]
    if settings.references:
        draft.written.add(REFERENCE_LOGPS.name)  # perhaps by an earlier run
    steps = _steps(finished, settings, wave)
    draft.write(TRAIN_STEPS, [{"id": draft.row_id(TRAIN_STEPS, row["method"], row["step"])} | row for row in steps])
    draft.write(DROPPED, [row for of_method in dropped.values() for row in of_method])
    candidate = _kept_weights(draft, newest / "weights")
    figures = {"checkpoint": candidate.digest, "training_rows": {method: len(rows[method]) for method in rows}}
    too_long = {method: len(of_method) for method, of_method in dropped.items() if of_method}
    figures |= {"too_long": too_long} if too_long else {}
    figures |= {"encoded_anew": anew} if anew else {}
    if stretches > 1:
        kept = read_marks(newest, ends, candidate.digest)
        figures |= {f"checkpoint_{number}": digest for number, digest in enumerate(kept, 1)}
    if (left := newest / "moments").is_dir():
        figures["moments"] = _kept_weights(draft, left).digest
    if settings.lora:
        figures["checkpoint_adapter"] = _adapter(draft, finished, model, adapter).digest
    stopped = {step["method"]: why for step in steps if (why := collapse(step, settings.stop))}
    return figures | ({"stopped": stopped} if stopped else {})


def _adapter(draft: Draft, finished: list[Path], model: CheckpointRef, before: CheckpointRef | None) -> CheckpointRef:
    """What all methods learned, after what the waves before did."""
    earlier = [draft.checkpoint(before)] if before else []
    base = base_of(earlier[0]) if earlier else model.digest
    with tempfile.TemporaryDirectory(prefix="selfplay-adapter-") as folder:
        write_chained([*earlier, *(done / "adapter" for done in finished)], base, Path(folder))
        return _kept_weights(draft, Path(folder))


def _kept_weights(draft: Draft, folder: Path) -> CheckpointRef:
    draft.prove()
    return keep_checkpoint(draft.lineage.objects, folder)


def _rows(
    draft: Draft, settings: Settings, tables: dict[str, ValidRows | None], model: CheckpointRef
) -> tuple[dict[str, pa.Table], dict[str, list[dict[str, Any]]], dict[str, int]]:
    """Each method's rows, at least one, as tokens; those dropped, longer than its max_length; and how many hold a
    text that was encoded anew."""
    rows: dict[str, pa.Table] = {m: _kept(draft, tables[READS[m]]) for m in settings.methods}
    for method in settings.methods:
        if len(rows[method]) == 0:
            raise ValidationFailed(
                f"train: no valid row of {READS[method]} for {method}; what was dropped, and why: selfplay show"
            )
    if settings.base_samples:
        rows["rspo"] = with_base_samples(rows["rspo"], _kept(draft, tables["base_samples"]))
    tokenizer = load_tokenizer(draft.checkpoint(model))
    dropped, fresh = dict[str, list[dict[str, Any]]](), dict[str, int]()
    for method in [method for method in settings.methods if READS[method] in TEXTS]:
        read, most = READS[method], settings.of(method).max_length
        texts = (*TEXTS[read], *((TEXT,) if TEXT in rows[method].column_names else ()))
        found = encoded(rows[method], tokenizer, texts, most)
        refuse_too_many(method, read, [*found.too_long.values()], len(rows[method]), most)
        ids = rows[method]["id"]
        dropped[method] = [
            draft.refused(ids[place].as_py(), read, "too_long", length, most)
            for place, length in found.too_long.items()
        ]
        rows[method] = found.rows
        fresh |= {method: found.anew} if found.anew else {}
    return rows, dropped, fresh


def _finished(
    draft: Draft, settings: Settings, rows: dict[str, pa.Table], start: Start, marks: tuple[int, ...]
) -> list[Path]:
    """Every method trained, one after the other, from where an earlier run left it: the folders of what is done."""
    draft.prove()  # what is torn is removed
    places = {method: Place(draft.scratch / method, draft.kept / method) for method in settings.methods}
    reached = {method: newest_whole(place) for method, place in places.items()}
    steps = {method: settings.of(method).steps for method in settings.methods}
    total = sum(steps.values())
    if any(reached.values()):
        draft.resumed(f"step {sum(step_of(folder) for folder in reached.values() if folder)} of {total}")
    source, finished, before, proved = draft.checkpoint(start.model), [], 0, time.monotonic()
    for method, folder in reached.items():

        def progress(step: int, before: int = before) -> None:
            nonlocal proved
            if time.monotonic() - proved > PROVE_SECONDS:  # it may have slept, and would save where another trains
                draft.prove()
                proved = time.monotonic()
            draft.report(before + step, total, "steps")

        def keep_instead(folder: Path, place: Place = places[method]) -> None:
            draft.prove()
            keep(place, folder)

        if folder is None or not is_finished(folder):
            phase = Phase(
                method=method,
                source=source,
                work=places[method].work,
                begun=folder,
                save_minutes=settings.save_minutes,
                lora=settings.lora,
                stop=settings.stop,
                seed=draft.random_seed("train", method),
                progress=progress,
                keep=keep_instead,
                marks=marks if method == settings.methods[-1] else (),
                keep_weights=lambda folder: _kept_weights(draft, folder).digest,
            )
            gc.freeze()  # what is searched for cycles, by the trainer and at its end, is what came after this
            with out_of_memory_named(method):
                folder = _trained(draft, phase, rows[method], settings, start)
            gc.collect()  # a trainer is full of them; the next one needs its memory
            gc.unfreeze()
        finished.append(folder)
        source, before = folder / "weights", before + step_of(folder)
    return finished


def _steps(finished: list[Path], settings: Settings, wave: int) -> list[dict[str, Any]]:
    """What was logged at every step; a wave counts on from the one before."""
    steps = [step for folder in finished for step in orjson.loads((folder / "steps.json").read_bytes())]
    if settings.policy:
        steps = [step | {"step": step["step"] + (wave - 1) * settings.policy.steps} for step in steps]
    return steps


def _trained(draft: Draft, phase: Phase, rows: pa.Table, settings: Settings, start: Start) -> Path:
    section = settings.of(phase.method)
    if isinstance(section, Policy):
        moments = draft.checkpoint(start.moments) if start.moments else None
        return train_policy(phase, rows, section, Position(start.wave, moments))
    references = (
        _references(draft, phase, section, settings, start) if isinstance(section, Preference) else References()
    )
    if settings.launch is None:
        return train_method(phase, rows, section, references)
    try:
        return train_launched(phase, rows, settings, references)
    except Crashed:  # once, as whoever reads the line would: at a second crash it is theirs to decide
        begun = newest_whole(Place(phase.work, draft.kept / phase.method))
        draft.resumed(f"{phase.method} step {step_of(begun) if begun else 0}, after a worker crashed")
        if begun and is_finished(begun):
            return begun
        return train_launched(replace(phase, begun=begun), rows, settings, references)


def _references(draft: Draft, phase: Phase, section: Preference, settings: Settings, start: Start) -> References:
    """The weights that the loss refers to, by name, and how their log-probabilities are stored."""
    digests = {
        "start": start.model if phase.method == settings.methods[0] else None,
        "champion": start.model,
        "base": start.base,
    }
    folders = {"start": phase.source} | {name: draft.checkpoint(ref) for name, ref in digests.items() if ref}

    def keep(name: str, make: Callable[[], list[Row]]) -> list[Row]:
        named = {
            "method": phase.method,
            "reference": name,
            "checkpoint": ref.digest if (ref := digests[name]) else None,
        }

        def rows_of() -> list[Row]:
            return [
                {"id": draft.row_id(REFERENCE_LOGPS, phase.method, name, row["pair_id"])} | named | row
                for row in make()
            ]

        return draft.part(REFERENCE_LOGPS, section.references.index(name), rows_of, of=len(section.references))

    return References({name: folders[name] for name in section.references}, keep)


def _kept(draft: Draft, given: ValidRows | None) -> pa.Table:
    """Rows to train on: some advantages only count in what others are held against."""
    assert given, "the method hands over what its trainers read"
    rows = draft.read(given)
    return rows.filter(rows["kept"]) if "kept" in rows.column_names else rows
