"""Manifests: what a round says of itself against what its stages' markers say, and against the rounds before it."""

from collections.abc import Iterator

from schemas.manifest import Manifest, StageRecord
from tasks.audit.damage import Damage, name_of
from tasks.audit.integrity import Opened
from tasks.outcome import outcome
from tasks.store.lineage import Lineage
from tasks.store.strays import documents
from tasks.training.adapters import SETTINGS, base_of


def contradictions(opened: Opened, markers: dict[str, StageRecord]) -> Iterator[Damage]:
    """Where a manifest contradicts its stages or its lineage."""
    place = f"round-{opened.manifest.round:04d}/manifest.json"
    every = (*_of_the_decision(opened.manifest), *_of_the_stages(opened.manifest, markers))
    for expected, found in (*every, *_of_the_lineage(opened), *_of_the_adapter(opened)):
        yield opened.damage(place, expected, found)


def _of_the_decision(m: Manifest) -> Iterator[tuple[str, str]]:
    by_gate = m.gate.decision if m.gate else "failed"
    if m.decision != by_gate:
        yield f"decision = {by_gate}, as the gate's result says", f"decision = {m.decision}"
    if m.gate and m.gate.decision == "promoted" and (m.gate.difference <= 0 or m.candidate is None):
        yield "a promotion for a gain", f"a difference of {m.gate.difference:+.1%}"


def _of_the_stages(m: Manifest, markers: dict[str, StageRecord]) -> Iterator[tuple[str, str]]:
    if missing := set(documents(m)) - m.files.keys():
        yield f"a digest of each file beside the tables, {min(missing)} too", "none"
    if markers.keys() != m.stages.keys():
        return  # what is gone is named already
    for name, said in outcome(markers).items():
        if getattr(m, name) != said:
            yield f"{name}, as the markers of its stages have it", "another"
    if "collect" in markers and m.inputs.get("unusable") != markers["collect"].figures.get("unusable"):
        yield "inputs.unusable, as the marker of collect has it", "another"
    named = {ref.path for marker in markers.values() for ref in marker.tables.values()}
    for path in sorted({ref.path for ref in m.written} - named):
        yield f"{path}, written by a stage", "no stage's marker names it"


def _of_the_lineage(opened: Opened) -> Iterator[tuple[str, str]]:
    """The champion that a round began with, from the rounds and records that it found."""
    m, lineage = opened.manifest, opened.lineage
    if m.recipe != lineage.recipe:
        yield f"a round of {lineage.recipe}", f"a round of {m.recipe}"
    before, digests = tuple(e for e in lineage.published if e.round < m.round), lineage.record_digests
    if len(before) != m.round - 1 or (m.record and m.record not in digests):
        return  # what is gone is named already
    seen = lineage.records[: digests.index(m.record) + 1] if m.record else ()
    then = Lineage(lineage.store, lineage.recipe, before, seen)
    parent = name_of(then.champion_round) if then.champion_round else None
    if (then.champion(m.base), parent) != (m.champion, m.parent):
        expected = f"{then.champion(m.base).digest[:16]}..., of {parent or 'the base model'}"
        yield f"champion {expected}", f"{m.champion.digest[:16]}..., of {m.parent or 'the base model'}"
    for role, own in m.own.items():
        if (champion := then.champion(own.base, role)) != own.champion:
            yield f"champion of the {role} {champion.digest[:16]}...", f"{own.champion.digest[:16]}..."
    if before and m.fixed != before[-1].fixed:
        yield "fixed, as the round before has it", "another base, benchmark, probe or gate"
    if unknown := set(m.built_on) - {e.round for e in then.manifests if e.decision in ("promoted", "held")}:
        yield "built_on: promoted or held rounds before it", ", ".join(map(str, sorted(unknown)))


def _of_the_adapter(opened: Opened) -> Iterator[tuple[str, str]]:
    """An adapter is of use with the weights that it was trained on alone. One that is gone is named already."""
    m = opened.manifest
    if m.adapter and (settings := opened.lineage.objects / m.adapter.digest / SETTINGS).is_file():
        base = base_of(settings.parent)
        if base != m.champion.digest:
            yield f"an adapter onto the champion, {m.champion.digest[:16]}...", f"one onto {base[:16]}..."
