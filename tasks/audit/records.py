"""Records: each is one that could be added then, and a withdrawal marks exactly what descends from its round."""

from collections.abc import Iterator

from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.audit.damage import Damage
from tasks.store.chain import Fault
from tasks.store.descent import descendants
from tasks.store.lineage import Lineage
from tasks.store.records import as_recorded, withdrawals


def faults_of_chain(lineage: Lineage, faults: tuple[Fault, ...]) -> Iterator[Damage]:
    """Manifests and records that are not as they were written, or gone."""
    for fault in faults:
        place = fault.path.relative_to(lineage.store).as_posix()
        number = fault.path.parent.name.removeprefix("round-")
        if fault.path.name == "manifest.json":
            owner = f"{lineage.recipe}/{int(number)}"
            unusable = f"{owner}, and every later round of {lineage.recipe}: no run builds on them"
        else:
            owner, unusable = lineage.recipe, _standing_of_rounds(lineage)
        yield Damage(owner, place, fault.expected, fault.found, unusable)


def faults_of_records(lineage: Lineage) -> Iterator[Damage]:
    """Records that no command could have added to those before them."""
    for place, record in enumerate(lineage.records):
        earlier = lineage.records[:place]
        then = {m.round: m for m in as_recorded(lineage.published, earlier)}
        for expected, found in (*_of_what_was(lineage, record, earlier, then), *_of_its_lists(lineage, record, then)):
            file = f"{lineage.recipe}/records/{record.number:04d}.json"
            yield Damage(lineage.recipe, file, expected, found, _standing_of_rounds(lineage))


def _standing_of_rounds(lineage: Lineage) -> str:
    return f"what rounds of {lineage.recipe} count for, its champion with them"


def _of_what_was(
    lineage: Lineage, record: LineageRecord, earlier: tuple[LineageRecord, ...], then: dict[int, Manifest]
) -> Iterator[tuple[str, str]]:
    """What the round was when the record was added. `then`: round -> what it counted for."""
    m, standing = then.get(record.round), withdrawals(earlier)
    if m is None:
        return  # named below
    was = f"{record.kind} of {lineage.recipe}/{m.round}, which was {m.decision}"
    if record.kind == "approve" and not (m.decision == "held" and m.gate and m.gate.awaiting_approval):
        yield "a held round that awaits approval", was
    if record.kind == "drop-weights" and not (m.decision == "held" and m.candidate):
        yield "a held round with weights", was
    if record.kind == "restore" and m.round not in standing:
        yield "a round that stands withdrawn by a record", was
    if record.kind == "withdraw" and m.round in standing:
        yield "a round that does not stand withdrawn by itself", was


def _of_its_lists(lineage: Lineage, record: LineageRecord, then: dict[int, Manifest]) -> Iterator[tuple[str, str]]:
    for number in {record.round, *record.rounds} - then.keys():
        yield "a published round", f"{record.kind} of {lineage.recipe}/{number}, which is not there"
    if record.kind != "withdraw":
        return
    marked, heirs = set(record.rounds), {m.round for m in descendants(lineage.manifests, record.round)}
    standing = withdrawals(lineage.records).get(record.round) == record
    if not marked <= {record.round, *heirs} or (standing and marked != {record.round, *heirs}):
        expected = f"rounds = {sorted({record.round, *heirs})}: the round and what descends from it"
        yield expected, f"rounds = {sorted(marked)}"
    trained = {ref.digest for number, m in then.items() if number in marked for ref in m.trained}
    if set(record.checkpoints) != trained:
        yield f"checkpoints: the {len(trained)} that those rounds trained", f"{len(record.checkpoints)}, or others"
