"""The primitives everything else in the store rests on: whole files, created once, and folders by digest."""

import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import orjson

from schemas.errors import BadInput, Damaged
from schemas.manifest import CheckpointRef
from schemas.names import file_name
from tasks.store.checkpoints import refuse_what_runs
from tasks.store.place import at_url, local_cache, on_disk

LISTING = "object.json"  # written last: the mark that an object is whole
OF_THE_WRONG_KIND = (IsADirectoryError, NotADirectoryError)  # a folder where a file was, or the other way round
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EXDEV, errno.EMLINK)  # in a disk's words
AT_CWD, RENAME_NOREPLACE = -100, 1  # of Linux
PUTS = 6  # tries, while another writer's put of the same name is under way


def create_once(path: Path, content: bytes) -> bool:
    """Create `path` with all of `content`, durably; False, and nothing changed, if it exists already.

    On a disk an exclusive link after fsync, or an exclusive rename where there are no hard links (exFAT, many network
    mounts); on object storage a conditional put. Raises BadInput where a disk has neither.
    """
    if not on_disk(path):
        return _put_once(path, content)
    draft = _written_draft(path, content)
    try:
        os.link(draft, path)  # fails if the name is taken: of two writers, one wins
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if not _renamed_once(draft, path):
            return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _renamed_once(draft: Path, path: Path) -> bool:
    """By the kernel's own exclusive rename; False if the name is taken."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", lambda *_: ctypes.set_errno(errno.ENOSYS) or -1)
    if rename(AT_CWD, os.fsencode(draft.absolute()), AT_CWD, os.fsencode(path.absolute()), RENAME_NOREPLACE) == 0:
        return True
    if (failed := ctypes.get_errno()) == errno.EEXIST:
        return False
    if failed in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
        raise BadInput(
            f"{path.parent}: this file system has neither hard links nor exclusive renames, and a store needs one of "
            "them; give --store a folder on another"
        )
    raise OSError(failed, os.strerror(failed), str(path))


def _put_once(path: Path, content: bytes) -> bool:
    for attempt in range(PUTS):
        try:
            at_url(path).fs.pipe_file(at_url(path).path, content, mode="create")
        except OSError as error:
            code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
            if code == "ConditionalRequestConflict" and attempt < PUTS - 1:  # another put is under way: ask again
                time.sleep(0.1 * 2**attempt)
                continue
            if not isinstance(error, FileExistsError) and code != "PreconditionFailed":
                raise
            return bool(path.read_bytes() == content)  # a retried put may meet the one whose answer was lost
        return True
    raise AssertionError("the last put raises or returns")


def write_whole(path: Path, content: bytes, prove: Callable[[], None] = lambda: None) -> None:
    """Write a file that a reader sees whole or not at all. Only for drafts: it replaces. `prove` is asked at the last
    moment, and raises Locked if another writer took over."""
    if not on_disk(path):
        prove()
        at_url(path).fs.pipe_file(at_url(path).path, content)
        return
    draft = _written_draft(path, content)
    try:
        prove()
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _written_draft(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)  # a full disk needs what it holds
        raise
    return draft


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # some network mounts sync no folder
            raise
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    if not on_disk(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    about = path.stat()
    return _digest_of_file(path, about.st_size, about.st_mtime_ns)


@cache
def _digest_of_file(path: Path, size: int, changed: int) -> str:
    """Once a process for a file that stays as it is: weights are large, and asked for more than once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def whole_file(path: Path, digest: str) -> bytes:
    """The bytes of a file of the store, known to be those of this SHA-256; from object storage, fetched once.

    Raises Damaged if they are others, or gone.
    """
    copy = local_cache() / "files" / digest
    for source in (path,) if on_disk(path) else (copy, path):
        try:
            content = source.read_bytes()
        except FileNotFoundError:
            continue
        if hashlib.sha256(content).hexdigest() == digest:
            if source is path and not on_disk(path):
                write_whole(copy, content)
            return bytes(content)
    raise Damaged(
        f"{path}: not the file that was written (SHA-256 {digest[:16]}...), or gone; restore it from a copy"
    )


def whole_copy(path: Path, digest: str) -> Path:
    """Where those bytes lie on this machine: the file itself, or the copy of it. Raises Damaged as `whole_file`."""
    whole_file(path, digest)
    return path if on_disk(path) else local_cache() / "files" / digest


def folder_digests(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, of the files directly in a checkpoint folder. Raises BadInput for one that would run."""
    files = _files_of(folder)
    refuse_what_runs(files)
    return {p.name: file_digest(p) for p in files if p.suffix.lower() != ".md"}


def _files_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.name != LISTING)


def digest_of(files: dict[str, str]) -> str:
    listing = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def keep_checkpoint(objects: Path, folder: Path) -> CheckpointRef:
    """Copy a checkpoint folder into `objects/<digest>/`, once. Its listing, `object.json`, comes last: the mark
    that the object is whole."""
    files = folder_digests(folder)
    ref = CheckpointRef(digest=digest_of(files))
    home = objects / ref.digest
    if (home / LISTING).exists():
        write_whole(home / LISTING, _listing(files))  # as new as its latest use: `gc` leaves what is new
        return ref
    if not on_disk(objects):  # it is needed again soon, to be evaluated: the copy of this machine comes first
        keep_checkpoint(local_cache() / "objects", folder)
    for name in files:
        _copy_whole(folder / name, home / name)
    create_once(home / LISTING, _listing(files))
    return ref


def _listing(files: dict[str, str]) -> bytes:
    return orjson.dumps({"files": files}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def checkpoint_folder(objects: Path, checkpoint: CheckpointRef) -> Path:
    """A folder of this machine with these weights: the object itself, or a copy of it, fetched once.

    Raises Damaged if the object is gone, or a file of it is not what was written.
    """
    home = objects / checkpoint.digest
    kept = home if on_disk(objects) else local_cache() / "objects" / checkpoint.digest
    if kept is not home and _fault_of_weights(kept, checkpoint.digest):  # not fetched yet, or not whole
        _fetch(home, kept)
    if fault := _fault_of_weights(kept, checkpoint.digest):
        raise Damaged(f"{home}{fault}")
    refuse_what_runs(_files_of(kept))
    return Path(kept)


def _fetch(home: Path, kept: Path) -> None:
    try:
        listing = (home / LISTING).read_bytes()
    except FileNotFoundError:
        return  # named as damage
    files = _listed(listing)
    for stray in [path for path in kept.glob("*") if path.name not in files and path.suffix != ".draft"]:
        shutil.rmtree(stray) if stray.is_dir() else stray.unlink(missing_ok=True)
    for name in files:
        _copy_whole(home / name, kept / name)
    write_whole(kept / LISTING, listing)


def _fault_of_weights(folder: Path, digest: str) -> str:
    """What is wrong with an object, after its path; "" if it is what was kept. Weights are read once a process."""
    for file, _, found in faults_of_object(folder, digest, file_digest):
        if not file:
            return ": these weights are not in the store (dropped, or lost)"
        return f"{file}: {found}; restore the folder from a copy"
    return ""


def faults_of_object(folder: Path, digest: str, read: Callable[[Path], str]) -> Iterator[tuple[str, str, str]]:
    """Where below an object, what was expected, and what was found; nothing if it is what was kept.

    `read` gives a file's SHA-256. A file that is not listed is a fault too: libraries load what they find.
    """
    try:
        files = _listed((folder / LISTING).read_bytes())
    except (FileNotFoundError, *OF_THE_WRONG_KIND):
        yield "", "the weights", "gone, and no record says that they were dropped"
        return
    if digest_of(files) != digest:
        found = f"the list of other files: digest {digest_of(files)[:16]}..." if files else "not readable"
        yield f"/{LISTING}", "the list of the files that these weights were made of", found
        return
    for name, expected in files.items():
        try:
            found = read(folder / name)
        except (FileNotFoundError, *OF_THE_WRONG_KIND):
            yield f"/{name}", f"SHA-256 {expected[:16]}...", "gone"
            continue
        if found != expected:
            yield f"/{name}", f"SHA-256 {expected[:16]}...", f"not the file that was written: SHA-256 {found[:16]}..."
    known = {*files, LISTING}
    for name in sorted(path.name for path in folder.iterdir()):
        if name not in known and not (name.startswith(".") and name.endswith(".draft")):
            yield f"/{name}", "no such file", "a file that these weights were not made of"


def _listed(listing: bytes) -> dict[str, str]:
    """File -> SHA-256; nothing from a listing that cannot be read, or that names what lies elsewhere."""
    try:
        files = orjson.loads(listing)["files"]
        return {file_name(name): digest for name, digest in files.items() if len(digest) == 64 and name != LISTING}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a file, between disks or to or from object storage (in parts, if it is large)."""
    if not on_disk(target):
        at_url(target).fs.put_file(str(source), at_url(target).path)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    try:
        with source.open("rb") as read, open(draft, "xb") as write:
            while chunk := read.read(1 << 24):
                write.write(chunk)
            write.flush()
            os.fsync(write.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    os.replace(draft, target)
    sync_folder(target.parent)
