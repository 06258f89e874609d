"""Names that become paths: the one rule for every name that a store, a bucket, a checkpoint or a listing tells.

What is read from there is typed by these, so that nothing that it names lies outside its own folder, on any system.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

MOST_BYTES = 240  # of the 255 that a file system takes: a draft's name is longer by its ending
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # files of their own on Windows


def file_name(name: str) -> str:
    """The name, if it is one of a file in its folder. Raises ValueError, with the name, for any other."""
    problem = ""
    if not isinstance(name, str) or not name or name.startswith("."):
        problem = "empty, hidden, or a way out of its folder"
    elif any(sign in name for sign in '/\\:*?"<>|') or not name.isprintable():
        problem = "it holds what no file's name may"
    elif name != name.strip() or name.endswith(".") or DEVICES.fullmatch(name):
        problem = "another file, or none, on some systems"
    elif len(name.encode(errors="replace")) > MOST_BYTES:
        problem = f"longer than {MOST_BYTES} bytes"
    if problem:
        raise ValueError(f"{str(name)[:80]!r} is no plain file name: {problem}")
    return name


def inner_path(path: str) -> str:
    """Names of folders and a file, below the folder that names them."""
    for name in path.split("/"):
        file_name(name)
    return path


FileName = Annotated[str, AfterValidator(file_name)]
InnerPath = Annotated[str, AfterValidator(inner_path)]
