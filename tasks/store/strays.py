"""Strays: files in a published round's folder that its manifest does not name, and the removal of files."""

from collections.abc import Callable, Iterable
from pathlib import Path

from schemas.manifest import Manifest
from tasks.store.listing import Found, files_below
from tasks.store.place import on_disk


def strays(folder: Path, manifest: Manifest) -> list[Found]:
    """Files in a published round's folder that its manifest does not name."""
    tables = {
        f"{Path(ref.path).relative_to(folder.name).as_posix()}/{file}"
        for ref in manifest.written
        for file in ref.files
    }
    own = {"manifest.json", *documents(manifest), *tables}
    return [found for found in files_below(folder) if found.path.relative_to(folder).as_posix() not in own]


def remove_strays(folder: Path, manifest: Manifest) -> None:
    """Remove what a draft held beside what was published of it; but not what a rival writes at this moment."""
    remove_files(found.path for found in strays(folder, manifest) if found.path.suffix != ".draft")


def documents(manifest: Manifest) -> list[str]:
    """What lies beside a round's tables and its manifest: what was played, what came of it, the stages' markers."""
    stages = {f"stages/{shown.split('.')[0]}-{key}.json" for shown, key in manifest.stages.items()}
    return ["recipe.toml", "scorecard.json", "validation.json", "alarms.json", *sorted(stages)]


def remove_files(paths: Iterable[Path], prove: Callable[[], None] = lambda: None) -> None:
    """Remove files, in this order, and on a disk the folders that they leave empty."""
    folders = set()
    for path in paths:
        prove()
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        while on_disk(folder) and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
