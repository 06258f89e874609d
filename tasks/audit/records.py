"""Records: each speaks of a round that there is, and a withdrawal marks exactly what descends from its round."""

from collections.abc import Iterator

from schemas.records import LineageRecord
from tasks.audit.damage import Damage
from tasks.store.chain import Fault
from tasks.store.descent import descendants
from tasks.store.lineage import Lineage
from tasks.store.records import withdrawals


def faults_of_chain(lineage: Lineage, faults: tuple[Fault, ...]) -> Iterator[Damage]:
    """Manifests and records that are not as they were written, or gone."""
    for fault in faults:
        place = fault.path.relative_to(lineage.store).as_posix()
        number = fault.path.parent.name.removeprefix("round-")
        if fault.path.name == "manifest.json":
            owner = f"{lineage.recipe}/{int(number)}"
            unusable = f"{owner}, and every later round of {lineage.recipe}: no run builds on them"
        else:
            owner, unusable = lineage.recipe, f"what rounds of {lineage.recipe} count for, its champion with them"
        yield Damage(owner, place, fault.expected, fault.found, unusable)


def faults_of_records(lineage: Lineage) -> Iterator[Damage]:
    for record in lineage.records:
        for expected, found in _faults(lineage, record):
            place = f"{lineage.recipe}/records/{record.number:04d}.json"
            unusable = f"what rounds of {lineage.recipe} count for, its champion with them"
            yield Damage(lineage.recipe, place, expected, found, unusable)


def _faults(lineage: Lineage, record: LineageRecord) -> Iterator[tuple[str, str]]:
    rounds = {m.round for m in lineage.manifests}
    for number in {record.round, *record.rounds} - rounds:
        yield "a published round", f"{record.kind} of {lineage.recipe}/{number}, which is not there"
    if record.kind == "withdraw":
        marked, heirs = set(record.rounds), {m.round for m in descendants(lineage.manifests, record.round)}
        standing = withdrawals(lineage.records).get(record.round) == record
        if not marked <= {record.round, *heirs} or (standing and marked != {record.round, *heirs}):
            expected = f"rounds = {sorted({record.round, *heirs})}: the round and what descends from it"
            yield expected, f"rounds = {sorted(marked)}"
