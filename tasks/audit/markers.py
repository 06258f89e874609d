"""Stage markers: each key made anew from what its marker says, every input known, the manifest in agreement."""

import hashlib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from schemas.manifest import StageRecord
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened, content_of
from tasks.figures import many
from tasks.prompts import Prompt
from tasks.store.keys import stage_key


def read_markers(opened: Opened) -> tuple[dict[str, StageRecord], list[Damage]]:
    """The markers that a manifest names, by the stage as it was played, and those that do not hold."""
    markers: dict[str, StageRecord] = {}
    places: dict[str, str] = {}
    damage: list[Damage] = []
    for shown, key in opened.manifest.stages.items():
        path = opened.lineage.marker(opened.manifest.round, shown.split(".")[0], key)
        place = f"{path.parent.parent.name}/stages/{path.name}"
        content = content_of(path)
        if content is None:
            damage.append(opened.damage(place, "the marker of a complete stage", "gone"))
            continue
        named = opened.manifest.files.get(f"stages/{path.name}")
        if named and hashlib.sha256(content).hexdigest() != named:
            continue  # named where files are looked at; nothing that it says is believed
        try:
            marker = StageRecord.model_validate_json(content)
        except ValidationError:
            damage.append(opened.damage(place, "the marker of a complete stage", "not one this version can read"))
            continue
        markers[shown], places[shown] = marker, place
    known = _known(opened).union(*(marker.objects for marker in markers.values()))
    for shown, marker in markers.items():
        for expected, found in _faults(opened, marker, shown.split(".")[0], opened.manifest.stages[shown], known):
            damage.append(opened.damage(places[shown], expected, found))
    return markers, damage


def _faults(opened: Opened, marker: StageRecord, stage: str, key: str, known: set[str]) -> Iterator[tuple[str, str]]:
    """What is expected and found where a marker does not hold."""
    parts = (marker.inputs | marker.facts, marker.settings, marker.code, marker.versions)
    made = stage_key(marker.stage, *parts)
    if (marker.stage, marker.key, made) != (stage, key, key):
        yield f"{stage} of key {key}, made of what it says", f"{marker.stage} of key {marker.key}, made of {made}"
    prompts = {Prompt(name, text).digest: name for name, text in marker.prompts.items()}
    inputs = [
        (name, digest)
        for name, value in marker.inputs.items()
        for digest in (value if isinstance(value, list) else [value])
    ]
    for missing in prompts.keys() - {digest for _, digest in inputs if isinstance(digest, str)}:
        yield f"the text of prompt {prompts[missing]} that is in the key", "another text"
    for name, digest in inputs:
        if _is_digest(digest) and digest not in known and digest not in prompts:
            yield f"{name}: rows or weights of the lineage", f"{digest[:16]}..., which no round holds"
    for ref in marker.tables.values():
        if ref not in opened.manifest.written:
            yield f"{ref.table} as the manifest names it", f"{many(ref.rows, 'row')} of digest {ref.digest[:16]}..."


def _known(opened: Opened) -> set[str]:
    """What a stage of this round can have been made from."""
    m = opened.manifest
    rounds = [e for e in opened.lineage.manifests if e.round <= m.round]
    tables = {ref.digest for e in rounds for ref in e.written}
    weights = {ref.digest for ref in (*m.begun_with, *m.trained)}
    return tables | weights | {m.inputs.get("digest", "")}


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
