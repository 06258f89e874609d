"""Refusal: a run builds on no damage. Minutes of checks that an audit makes are left to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from schemas.errors import Damaged
from schemas.manifest import Manifest
from tasks.audit.closure import Shelf, orphans
from tasks.audit.integrity import Opened, open_tables
from tasks.store.lineage import Lineage
from tasks.store.objects import whole_file
from tasks.store.place import on_disk

THREADS = 8


def refuse_damage(lineage: Lineage, report: Callable[[int, int, str], None]) -> None:
    """Raises Damaged for the first damage that a next round could rest on.

    The weights it would start from; every row of the champion's round and of those held since, with its parents; of
    other rounds every file, on a disk: a bucket's service has checksums of its own, and what is read is checked.
    """
    champion = lineage.champion_round
    if lineage.manifests:
        lineage.checkpoint_folder(lineage.champion(lineage.manifests[-1].base))
    ground = [*([champion] if champion else []), *lineage.held_since_champion]
    others = [m for m in lineage.manifests if m not in ground] if on_disk(lineage.store) else []
    shelf = Shelf(lineage)
    for done, m in enumerate(ground):
        report(done, len(ground) + len(others), "rounds")
        opened = Opened(lineage, m)
        for damage in (*open_tables(opened), *orphans(opened, shelf)):
            path = lineage.store / damage.place
            raise Damaged(f"{path}: {damage.found}, expected {damage.expected}; `selfplay audit` names all damage")
    for done, m in enumerate(others, len(ground)):
        report(done, len(ground) + len(others), "rounds")
        _check_files(lineage, m)


def _check_files(lineage: Lineage, m: Manifest) -> None:
    files = [(lineage.round_folder(m.round) / name, digest) for name, digest in m.files.items()]
    refs = [ref for tables in m.tables.values() for ref in tables]
    files += [(lineage.folder / ref.path / name, digest) for ref in refs for name, digest in ref.files.items()]
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(lambda file: len(whole_file(*file)), files):
            pass
