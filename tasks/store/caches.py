"""A lineage's cache: files that only save time. What they hold decides rows, so that a file is read only if a
published round names it, by its SHA-256, as what one of its stages left."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cache:
    folder: Path
    sealed: frozenset[str]
    """SHA-256 of every file that a published round names."""
    note: Callable[[str, str], None]
    """Called with name and SHA-256 of each file that is left: the stage's record keeps them."""

    def is_sealed(self, name: str) -> bool:
        """Whether a file is there, as a published round left it. One that is not is made anew."""
        try:
            return hashlib.sha256((self.folder / name).read_bytes()).hexdigest() in self.sealed
        except OSError:
            return False

    def left(self, name: str) -> None:
        """A file was written."""
        self.note(name, hashlib.sha256((self.folder / name).read_bytes()).hexdigest())
