"""Refusal: a run builds on no damage. Minutes of checks that an audit makes are left to it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from schemas.errors import Damaged
from schemas.manifest import Manifest
from tasks.audit.closure import Shelf, orphans
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened, open_tables
from tasks.audit.manifests import contradictions
from tasks.audit.markers import read_markers
from tasks.audit.records import faults_of_records
from tasks.store.lineage import Lineage
from tasks.store.objects import whole_file
from tasks.store.place import on_disk

THREADS = 8


def refuse_damage(lineage: Lineage, report: Callable[[int, int, str], None]) -> None:
    """Raises Damaged for the first damage that a next round could rest on.

    The records; the weights it would start from; every row of the champion's round and of those held since, with its
    parents; these rounds' manifests, and the newest, against their stages; of other rounds every file, on a disk: a
    bucket's service has checksums of its own, and what is read is checked.
    """
    _refuse(lineage, faults_of_records(lineage))
    if not lineage.manifests:
        return
    lineage.checkpoint_folder(lineage.champion(lineage.manifests[-1].base))
    champion, held = lineage.champion_round, {m.round for m in lineage.held_since_champion}
    since = champion.round if champion else lineage.manifests[-1].round
    shelf = Shelf(lineage)
    for done, m in enumerate(lineage.published):
        report(done, len(lineage.published), "rounds")
        opened = Opened(lineage, m)
        if m.round in held or (champion and m.round == champion.round):
            _refuse(lineage, open_tables(opened))
            _refuse(lineage, orphans(opened, shelf))
        elif on_disk(lineage.store):
            _check_files(lineage, m)
        if m.round in held or m.round >= since:
            markers, faults = read_markers(opened)
            _refuse(lineage, (*faults, *contradictions(opened, markers)))


def _refuse(lineage: Lineage, damage: Iterable[Damage]) -> None:
    for found in damage:
        path = lineage.store / found.place
        raise Damaged(f"{path}: {found.found}, expected {found.expected}; `selfplay audit` names all damage")


def _check_files(lineage: Lineage, m: Manifest) -> None:
    files = [(lineage.round_folder(m.round) / name, digest) for name, digest in m.files.items()]
    files += [(lineage.folder / ref.path / name, digest) for ref in m.written for name, digest in ref.files.items()]
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(lambda file: len(whole_file(*file)), files):
            pass
