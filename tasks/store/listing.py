"""What lies below a folder of a store, with sizes and ages: on object storage one listing, not a question a file."""

from dataclasses import dataclass
from pathlib import Path

from tasks.store.place import at_url, on_disk


@dataclass(frozen=True)
class Found:
    path: Path
    bytes: int
    changed: float
    """Seconds since 1970, by the clock of the machine that keeps it."""


def files_below(folder: Path) -> list[Found]:
    """Every file below a folder, by name; none if there is no such folder."""
    if on_disk(folder):
        return [Found(path, about.st_size, about.st_mtime) for path in sorted(folder.rglob("*"))
                if path.is_file() and (about := path.stat())]  # fmt: skip
    place = at_url(folder)
    listed = place.fs.find(place.path, detail=True)
    return [
        Found(folder / name.removeprefix(place.path).lstrip("/"), about["size"], about["LastModified"].timestamp())
        for name, about in sorted(listed.items())
        if "LastModified" in about  # some servers list what is left of an empty folder too
    ]
