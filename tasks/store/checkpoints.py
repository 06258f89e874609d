"""What a checkpoint may hold: weights, settings and words, and nothing that any program would run or unpickle.

Files are known by what they hold, not by their names. What an index names lies beside it.
"""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadInput
from schemas.names import file_name

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")  # as weights are called
NO_CODE = "a checkpoint may hold no pickle and no code; save it as safetensors"
RUN = re.compile(  # by name: what a system or a library runs whatever it holds, or unpickles
    r"\.(bin|pt|pth|pt2|pkl|pickle|ckpt|joblib|npy|npz|h5|hdf5|keras|pb|mar|nemo|py|pyc|pyd|pyi|pyx|ipynb|so(\.\d+)*"
    r"|dll|dylib|exe|bat|cmd|ps1|sh|js|jar|wasm|whl|egg|zip|tar|tgz|gz|bz2|xz|zst|lz4|7z|msgpack)$",
    re.IGNORECASE,
)
HEADS = (  # by content: archives, which loaders look into, programs, and arrays that may be pickled
    *(b"\x80" + bytes([protocol]) for protocol in range(2, 6)),
    *(b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"),
    *(b"7z\xbc\xaf", b"\x7fELF", b"MZ", b"#!", b"\x93NUMPY", b"\x89HDF", b"\xca\xfe\xba\xbe", b"\0asm"),
    *(bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe")),  # programs of macOS
)
RUNS = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD", "EXT1", "EXT2", "EXT4"}
SETTINGS_BYTES = 2**24
# beside auto_map: what peft imports, what transformers fetches and runs, what pipelines load
CODE_KEYS = ("auto_map", "auto_mapping", "trust_remote_code", "custom_pipelines", "custom_generate")
ATTENTION = ("attn_implementation", "_attn_implementation")  # with a slash: a kernel of somebody's repository
WORDS = ("tokenizer.json", "vocab.json", "added_tokens.json")  # their keys are tokens
NOT_READ = "special_tokens_map_file"  # a path of the machine that saved it


def refuse_what_runs(files: list[Path]) -> None:
    """Raises BadInput for a file of a checkpoint that is a link elsewhere, a pickle, a program or an archive; for
    settings that name code, and for an index that names a file that is not beside it."""
    names = {path.name for path in files}
    for path in files:
        try:
            file_name(path.name)
        except ValueError as error:
            raise BadInput(f"{path.parent}: {error}; rename it") from error
        if path.is_symlink():
            _refuse_link(path)
        if RUN.search(path.name) or (path.suffix != ".safetensors" and _is_run(path)):
            raise BadInput(f"{path}: {NO_CODE}")
        if path.suffix.lower() == ".json" and path.name not in WORDS:
            _check_settings(path, names)


def _refuse_link(path: Path) -> None:
    """The hub's cache keeps a snapshot's files beside it, under their digests; no other link is followed."""
    blobs = path.parent.resolve().parent.parent / "blobs"
    if path.resolve().parent not in (path.parent.resolve(), blobs):
        raise BadInput(f"{path}: a link to {path.resolve()}, out of its folder; put the file itself there")


def _is_run(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(512)
    is_compiled = head[1:4] == b"\r\r\n" and not head[:1].isascii()
    is_tar = head[257:262] == b"ustar"
    if head.startswith(HEADS) or is_compiled or is_tar or zipfile.is_zipfile(path):
        return True
    return not head.lstrip().startswith((b"{", b"[")) and _is_old_pickle(path)


def _is_old_pickle(path: Path) -> bool:
    """Of a protocol without a head: letters and digits, which a text seldom is by chance up to its end."""
    seen: set[str] = set()
    try:
        with open(path, "rb") as file:
            for operation, _, _ in pickletools.genops(file):
                seen.add(operation.name)
    except Exception:  # it raises whatever its readers do
        return False
    return bool(seen & RUNS)


def _check_settings(path: Path, names: set[str]) -> None:
    if path.stat().st_size > SETTINGS_BYTES:
        raise BadInput(f"{path}: longer than any checkpoint's settings ({SETTINGS_BYTES:,} bytes); remove it")
    try:
        told = orjson.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}") from error
    for key, value in _settings(told):
        if (key in CODE_KEYS and value) or (key in ATTENTION and "/" in str(value)):
            way = "a checkpoint may bring no code; use a model of transformers' own classes"
            raise BadInput(f"{path}: {key} = {str(value)[:80]}: {way}")
        if key.endswith("_file") and key != NOT_READ and isinstance(value, str) and value not in names:
            raise BadInput(f"{path}: {key} = {value[:80]!r}: no file beside it; take the key out")
    if path.name.endswith(".index.json"):
        _check_index(path, told, names)


def _settings(told: Any) -> Iterator[tuple[str, Any]]:
    """Every key at any depth, with its value."""
    left = [told]
    while left:
        found = left.pop()
        if isinstance(found, dict):
            yield from found.items()
        left += found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()


def _check_index(path: Path, told: Any, names: set[str]) -> None:
    shards = told.get("weight_map") if isinstance(told, dict) else None
    if not isinstance(shards, dict):
        raise BadInput(f"{path}: no index of weights: it has no weight_map")
    for shard in sorted({str(shard) for shard in shards.values()}):
        if shard not in names or not shard.endswith(".safetensors"):
            raise BadInput(f"{path}: names {shard[:80]!r}, which is no safetensors file beside it")
