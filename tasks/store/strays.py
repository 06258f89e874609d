"""Strays: files in a published round's folder that its manifest does not name, and the removal of files."""

from collections.abc import Iterable
from pathlib import Path

from schemas.manifest import Manifest
from tasks.store.place import on_disk


def strays(folder: Path, manifest: Manifest) -> list[Path]:
    """Files in a published round's folder that its manifest does not name."""
    tables = {
        f"{Path(ref.path).relative_to(folder.name).as_posix()}/{file}"
        for refs in manifest.tables.values()
        for ref in refs
        for file in ref.files
    }
    stages = {f"stages/{shown.split('.')[0]}-{key}.json" for shown, key in manifest.stages.items()}
    written = {"recipe.toml", "scorecard.json", "validation.json", "alarms.json", "manifest.json"}
    own = {*written, *tables, *stages}
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and p.relative_to(folder).as_posix() not in own]


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files, in this order, and on a disk the folders that they leave empty."""
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        while on_disk(folder) and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
