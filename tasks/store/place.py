"""Where a store lies: a folder, or s3://bucket/path. A path at a URL has pathlib's methods too (universal_pathlib):
the project's annotations say Path for both."""

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import cast

from upath import UPath

from schemas.errors import BadInput, Damaged, Stopped

BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"  # what the S3 client takes
WORLD = ("botocore", "aiobotocore", "aiohttp")  # errors of the network that are no OSError


def store_at(place: str | Path) -> Path:
    """The store's root. Raises BadInput for a URL that promises no conditional create.

    Credentials, region and endpoint of s3:// come from the environment, as every S3 client reads them
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, ...).
    """
    text = str(place)
    if not text.strip():
        raise BadInput("--store '': expected a folder, or s3://bucket/path")
    if "://" not in text:
        return Path(os.path.realpath(text))
    scheme, _, rest = text.partition("://")
    bucket = rest.partition("/")[0]
    if "@" in text or ":" in bucket:  # not repeated: a secret may hold any sign
        raise BadInput("--store: no secrets in the URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if scheme != "s3" or not re.fullmatch(BUCKET, bucket):
        raise BadInput(f"--store {text}: expected a folder, or s3://bucket/path")
    if any(sign in text for sign in "*?[]"):
        raise BadInput(f"--store {text}: no *, ?, [ or ] in the URL; file systems take them for patterns")
    return cast(Path, UPath(text.rstrip("/"), use_listings_cache=False))  # another machine may have written since


def on_disk(path: Path) -> bool:
    return not isinstance(path, UPath) or path.protocol in ("", "file", "local")


def at_url(path: Path) -> UPath:
    """A path that is not on a disk, with its file system (`fs`) and its name there (`path`)."""
    return cast(UPath, path)


def check_writable(folder: Path) -> None:
    """Raises BadInput unless a file can be made in a folder of this machine, or the folder itself can be made;
    Stopped where the disk is read-only."""
    home = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    if not home.is_dir():
        raise BadInput(f"{folder}: no folder can be made there: {home} is a file")
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        raise Stopped(f"{home}: {os.strerror(errno.EROFS)}; mend the mount, then run again")
    if not os.access(home, os.W_OK | os.X_OK):
        raise BadInput(f"{folder}: no permission to write in {home}")


def check_cache() -> None:
    """Raises BadInput unless this machine's cache can be written, naming the variables that say where it is."""
    try:
        check_writable(local_cache())
    except (BadInput, Stopped) as error:
        raise BadInput(f"{error}; a store in a bucket needs a cache: set HOME or SELFPLAY_CACHE") from error


def refuse_links(store: Path) -> None:
    """Raises Damaged for a link, pipe or device anywhere in a store on a disk: what is read or written by its name
    would be another file. The store's own folder may be reached by a link."""
    left = [store]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False):
                        raise Damaged(
                            f"{entry.path}: no plain file or folder; a store holds no links: remove it, or put there "
                            "what it leads to"
                        )
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # gone meanwhile, or named where it is read
            continue


def refuse_inside(folder: Path, store: Path) -> None:
    """Raises BadInput for a folder inside a store: nothing but rounds and records is written there."""
    if on_disk(store) and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(store)):
        raise BadInput(f"{folder}: it lies in the store {store}; give a folder elsewhere")


def contents_of(paths: list[Path]) -> dict[Path, bytes]:
    """The files that are there; from object storage all at once. Only one that is missing may be passed over;
    a folder in a file's place reads as an empty file."""
    if paths and not on_disk(paths[0]):
        urls = {at_url(path).path: path for path in paths}
        found = at_url(paths[0]).fs.cat(list(urls), on_error="return")
        for answer in found.values():
            if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                raise answer
        return {urls[url]: content for url, content in found.items() if isinstance(content, bytes)}
    return {path: b"" if path.is_dir() else path.read_bytes() for path in paths if path.exists()}


def local_cache() -> Path:
    """A folder of this machine for copies by digest and scratch: it only saves time, and can be deleted."""
    chosen = os.environ.get("SELFPLAY_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "selfplay-factory"


def local_twin(path: Path) -> Path:
    """A folder of this machine that belongs to a place in a store: the place itself if that is on a disk."""
    if on_disk(path):
        return path
    return local_cache() / "stores" / hashlib.sha256(str(path).encode()).hexdigest()[:20]


def is_of_the_world(error: BaseException) -> bool:
    """Whether the disk or the network failed, rather than the recipe, the data or the code."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in WORLD


def mending(error: BaseException) -> str:
    """What the user can set before the next try; "" if the world has to mend itself."""
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL for other than AWS"
    return ""
