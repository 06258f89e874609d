"""The primitives everything else in the store rests on: whole files, created once, and folders by digest."""

import hashlib
import os
import secrets
from functools import cache
from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import CheckpointRef

LISTING = "object.json"  # written last: the mark that an object is whole
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def create_once(path: Path, content: bytes) -> bool:
    """Create `path` with all of `content`, durably; False, and nothing changed, if it exists already."""
    draft = _written_draft(path, content)
    try:
        os.link(draft, path)  # fails if the name is taken: of two writers, one wins
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that a reader sees whole or not at all. Only for drafts: it replaces."""
    os.replace(_written_draft(path, content), path)
    sync_folder(path.parent)


def _written_draft(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    with open(draft, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    about = path.stat()
    return _digest_of_file(path, about.st_size, about.st_mtime_ns)


@cache
def _digest_of_file(path: Path, size: int, changed: int) -> str:
    """Once a process for a file that stays as it is: weights are large, and asked for more than once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digests(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, of the files directly in a checkpoint folder. Pickles and code are refused."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.name != LISTING)
    for path in files:
        if path.suffix in PICKLES or path.suffix == ".py":
            raise BadInput(f"{path}: a checkpoint may hold no pickle and no code; save it as safetensors")
    return {p.name: file_digest(p) for p in files if p.suffix.lower() != ".md"}


def digest_of(files: dict[str, str]) -> str:
    listing = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def keep_checkpoint(objects: Path, folder: Path) -> CheckpointRef:
    """Copy a checkpoint folder into `objects/<digest>/`, once. Its listing, `object.json`, comes last: the mark
    that the object is whole."""
    import orjson

    files = folder_digests(folder)
    ref = CheckpointRef(digest=digest_of(files))
    home = objects / ref.digest
    if not (home / LISTING).exists():
        for name in files:
            _copy_whole(folder / name, home / name)
        create_once(home / LISTING, orjson.dumps({"files": files}, option=orjson.OPT_INDENT_2))
    return ref


def _copy_whole(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    with open(source, "rb") as read, open(draft, "xb") as write:
        while chunk := read.read(1 << 24):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    os.replace(draft, target)
    sync_folder(target.parent)
