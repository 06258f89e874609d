"""Archives: one member of a zip that anybody may have made, within bounds; no name in it becomes a path."""

import re
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from schemas.errors import BadInput

MOST_BYTES, LARGEST_DIRECTORY = 2**28, 2**24
"""Of a member, packed or unpacked, and of an archive's list of members."""
ZSTANDARD = 93
"""What inspect packs with; Python's zipfile knows it from 3.14 on, pyarrow everywhere."""


def member(path: Path, name: str) -> bytes:
    """One member of an archive, whole. Raises BadInput for what is too large or packed in another way."""
    with open(path, "rb") as file:
        _refuse_many_members(path, file)
        with zipfile.ZipFile(file) as archive:
            if name not in archive.NameToInfo:
                raise BadInput(f"{path}: no {name} in it: a log has one once its run has ended")
            about = archive.getinfo(name)
            if max(about.file_size, about.compress_size) > MOST_BYTES:
                raise BadInput(f"{path}: {name}: larger than {MOST_BYTES:,} bytes; write id and correct as JSONL")
            if about.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                with archive.open(about) as member:
                    unpacked: bytes = member.read(about.file_size + 1)
            elif about.compress_type == ZSTANDARD:
                import pyarrow as pa

                file.seek(about.header_offset)
                name_size, extra_size = struct.unpack("<HH", file.read(30)[26:])
                file.seek(name_size + extra_size, 1)
                with pa.input_stream(pa.py_buffer(file.read(about.compress_size)), compression="zstd") as member:
                    unpacked = member.read(about.file_size + 1)
            else:
                raise BadInput(f"{path}: {name}: packed by method {about.compress_type}; expected deflate or zstd")
    if len(unpacked) != about.file_size:
        raise BadInput(f"{path}: {name}: not of the size that the archive names: the file is damaged")
    return unpacked


def _refuse_many_members(path: Path, file: BinaryIO) -> None:
    """zipfile reads an archive's list of members whole, however long it is."""
    file.seek(max(0, file.seek(0, 2) - 2**16 - 42))
    tail = file.read()
    ends = [found.start() for found in re.finditer(rb"PK\x05\x06", tail)]  # zipfile takes one of them
    sizes = [int.from_bytes(tail[end + 12 : end + 16], "little") for end in ends]
    if max(sizes, default=0) > LARGEST_DIRECTORY or any(tail[:end][-20:-16] == b"PK\x06\x07" for end in ends):
        raise BadInput(f"{path}: an archive of more members than are read; write id and correct as JSONL")
