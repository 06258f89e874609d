"""Export: a published round as a folder for the Hub: its tables with their card, its weights with theirs."""

import errno
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import BadInput, Damaged
from schemas.manifest import CheckpointRef, Manifest
from schemas.tables import TABLES
from schemas.training import READS, READS_BESIDE
from tasks.audit.cards import Exhibit, dataset_card, model_card
from tasks.store.lineage import Lineage
from tasks.store.objects import LISTING
from tasks.store.parquet import read_table
from tasks.store.place import check_writable, refuse_inside
from tasks.waves import plays_of

ROWS_AT_ONCE = 10_000  # a row group: what a reader holds in memory


@dataclass(frozen=True)
class Exported:
    folder: Path
    rows: dict[str, int]
    """Configuration -> rows."""
    default: str | None
    model: bool


def export_round(lineage: Lineage, m: Manifest, folder: Path, *, data_only: bool = False) -> Exported:
    """Write a round into a folder that is new or empty, and appears whole or not at all.

    Raises BadInput for another folder, or weights that a record dropped; Damaged for what is not as it was published.
    """
    target = Path(os.path.realpath(folder))
    refuse_inside(target, lineage.store)
    _check_target(target)
    candidate = None if data_only or m.gate is None else m.candidate  # what no gate compared is no model
    if candidate and m.weights_dropped:
        raise BadInput(f"{m.recipe}/{m.round}: its weights were dropped; its rows alone: add --data-only")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        draft = Path(scratch) / "export"  # the scratch folder itself is for its owner's eyes only
        exported = _fill(draft, lineage, m, candidate)
        _move(draft, target)
    return Exported(target, exported.rows, exported.default, exported.model)


def _check_target(target: Path) -> None:
    if os.path.lexists(target):
        if not target.is_dir():
            raise BadInput(f"{target}: not a folder; give a new one")
        if target.is_mount() or target == Path.cwd():
            raise BadInput(f"{target}: cannot be replaced while it is in use; name a new folder in it")
        if not os.access(target, os.R_OK) or any(target.iterdir()):
            raise BadInput(f"{target}: not empty; give a new folder")
    check_writable(target.parent)


def _move(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)  # in one step, even over an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise BadInput(f"{target}: somebody else wrote there meanwhile; give a new folder") from error


def _fill(draft: Path, lineage: Lineage, m: Manifest, candidate: CheckpointRef | None) -> Exported:
    home = lineage.round_folder(m.round)
    draft.mkdir()
    for name in ("recipe.toml", "manifest.json"):
        content = lineage.document(m.round, name)
        if content is None:
            raise Damaged(f"{home / name}: gone; restore it from a copy")
        (draft / name).write_bytes(content)
    rows, refused = _write_tables(draft / "data", lineage, m)
    default = _default(home / "recipe.toml", (draft / "recipe.toml").read_bytes(), rows)
    shown = Exhibit(
        round=m,
        published=Manifest.model_validate_json((draft / "manifest.json").read_bytes()),
        records=[record for record in lineage.records if record.round == m.round],
        descent=_descent(lineage, m),
        trained_on=_trained_on(lineage, m),
        champion=_name(lineage.champion_round) if lineage.champion_round else None,
        recipe=(draft / "recipe.toml").read_text(encoding="utf-8"),
        configs=rows,
        default=default,
        refused=refused,
        model=candidate is not None,
    )
    (draft / "README.md").write_text(dataset_card(shown), encoding="utf-8")
    if candidate:
        known_whole = lineage.checkpoint_folder(candidate)
        shutil.copytree(known_whole, draft / "model", ignore=shutil.ignore_patterns(LISTING, "*.draft"))
        (draft / "model" / "README.md").write_text(model_card(shown), encoding="utf-8")
    return Exported(draft, {name: count for name, count in rows.items() if count}, default, candidate is not None)


def _write_tables(data: Path, lineage: Lineage, m: Manifest) -> tuple[dict[str, int], int]:
    """One file for what each stage wrote of a table; rows by configuration, and training rows left out as refused."""
    for name in m.tables.keys() - TABLES.keys():
        raise BadInput(f"{_name(m)}: table '{name}' is unknown to this version; update the checkout")
    dropped = [read_table(lineage.folder, ref, TABLES["dropped"])["id"] for ref in m.tables.get("dropped", [])]
    dropped_ids = pa.chunked_array([chunk for ids in dropped for chunk in ids.chunks], pa.string())
    written: dict[str, int] = {}
    refused = 0
    for table in (table for name, table in TABLES.items() if name in m.tables):
        written[table.id_prefix] = 0
        for number, ref in enumerate(ref for ref in m.tables[table.name] if ref.rows):
            rows = read_table(lineage.folder, ref, table)
            if table.name in (*READS.values(), *READS_BESIDE.values()):
                rows = rows.filter(pc.invert(pc.is_in(rows["id"], dropped_ids)))
                refused += ref.rows - len(rows)
            if len(rows):
                _write(data / table.id_prefix / f"part-{number:04d}.parquet", rows)
                written[table.id_prefix] += len(rows)
    return written, refused


def _write(path: Path, rows: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, compression="zstd", row_group_size=ROWS_AT_ONCE, write_page_index=True)


def _default(path: Path, recipe: bytes, rows: dict[str, int]) -> str | None:
    """The first table that the recipe trains on, if it has rows. Raises Damaged for a recipe that cannot be read."""
    try:
        methods = tomllib.loads(recipe.decode())["train"]["methods"]
        tables = [READS[method] for method in methods]
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path}: not the recipe that was played; restore it from a copy") from error
    return next((table for table in tables if rows.get(table)), None)


def _descent(lineage: Lineage, m: Manifest) -> list[Manifest]:
    """The round, the one its champion came from, and so on."""
    earlier = {_name(other): other for other in lineage.manifests}
    found = [m]
    while (parent := earlier.get(found[-1].parent or "")) and parent.round < found[-1].round:
        found.append(parent)
    return found


def _trained_on(lineage: Lineage, m: Manifest) -> list[str]:
    """The rounds whose rows the candidate was trained on, held ones included: by what its training was given."""
    plays = [lineage.stage_record(m.round, "train", m.stages[shown]) for shown in plays_of("train", m.stages)]
    tables = [READS[method] for method in m.trained_on]
    given = {digest for record in plays if record for table in tables for digest in record.inputs.get(table, [])}
    return [
        _name(other)
        for other in lineage.manifests
        if other.round <= m.round
        and any(ref.rows and ref.digest in given for table in tables for ref in other.tables.get(table, []))
    ]


def _name(m: Manifest) -> str:
    return f"{m.recipe}/{m.round}"
