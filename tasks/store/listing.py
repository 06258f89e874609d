"""What lies below a folder of a store, with sizes and ages: on object storage one listing, not a question a file."""

from dataclasses import dataclass
from pathlib import Path

from schemas.names import inner_path
from tasks.store.place import at_url, on_disk


@dataclass(frozen=True)
class Found:
    path: Path
    bytes: int
    changed: float
    """Seconds since 1970, by the clock of the machine that keeps it."""


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder of a store, by name; in a bucket a key may hold any name, such as `..`: it is none."""
    found = folder.iterdir() if folder.exists() else ()
    return sorted((p for p in found if _is_plain(p.name) and p.is_dir()), key=lambda p: p.name)


def _is_plain(path: str) -> bool:
    try:
        return bool(inner_path(path))
    except ValueError:
        return False


def files_below(folder: Path) -> list[Found]:
    """Every file below a folder, by name; none if there is no such folder."""
    if on_disk(folder):
        return [Found(path, about.st_size, about.st_mtime) for path in sorted(folder.rglob("*"))
                if path.is_file() and (about := path.stat())]  # fmt: skip
    place = at_url(folder)
    listed = place.fs.find(place.path, detail=True)
    found = [(key.removeprefix(place.path).lstrip("/"), about) for key, about in sorted(listed.items())]
    return [
        Found(folder / name, about["size"], about["LastModified"].timestamp())
        for name, about in found
        if "LastModified" in about and _is_plain(name)  # some servers list what is left of an empty folder too
    ]
