"""Chains: manifests and records are sealed, and each names the one before by its digest, so that an edit is found."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson
from pydantic import ValidationError

from schemas.document import Record
from schemas.errors import BadInput, Damaged

R = TypeVar("R", bound=Record)
UNREADABLE = "not readable as JSON"


@dataclass(frozen=True)
class Fault:
    """A document of a chain that is not as it was written."""

    path: Path
    expected: str
    found: str
    newer: bool = False
    """It is whole, but this version cannot read it."""

    def refuse(self) -> None:
        """Raises Damaged; BadInput where a newer version wrote it, or half of it is no document at all."""
        if self.newer:
            raise BadInput(f"{self.path}: {self.found}; update the checkout")
        if self.found == UNREADABLE:
            raise BadInput(f"{self.path}: {self.found}; restore it from a copy; `selfplay audit` names all damage")
        raise Damaged(f"{self.path}: {self.found}; restore it from a copy; `selfplay audit` names all damage")


@dataclass(frozen=True)
class Chain(Generic[R]):
    """Documents in their order: those that are as they were written."""

    documents: tuple[R, ...]
    digests: tuple[str, ...]
    """SHA-256 of each file that is there."""
    faults: tuple[Fault, ...]

    @property
    def last(self) -> str:
        """What the next document names as the one before it; "" for the first."""
        return self.digests[-1] if self.digests else ""


def sealed(document: Mapping[str, Any]) -> bytes:
    """A document as it is written: its seal is the SHA-256 of all else in it."""
    whole = {**document, "seal": _seal(document)}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)  # in their order: that of the stages is the one played


def read_chain(files: Mapping[Path, bytes | None], kind: type[R], what: str, number: Callable[[R], int]) -> Chain[R]:
    """Documents 1, 2, 3, ... in their order; None is one that is gone. At most one fault a file; never raises."""
    parsed = {path: _parsed(content) for path, content in files.items()}
    checked = {path: _validated(content, kind) for path, content in files.items() if content is not None}
    read = {path: document for path, document in checked.items() if not isinstance(document, str)}
    faults: dict[Path, Fault] = {}
    for place, (path, content) in enumerate(files.items(), 1):
        document = read.get(path)
        fault = _fault(what, content, parsed[path], checked.get(path))
        if not fault and document and number(document) != place:
            fault = f"it is number {number(document)}, in another's place"
        if fault:
            newer = fault.endswith("this version can read")
            faults[path] = Fault(path, f"{what} {place}, as it was written", fault, newer)
    for before, after in pairwise(files):
        content, named = files[before], str(parsed[after].get("previous", ""))
        if content is not None and after not in faults and before not in faults and _sha256(content) != named:
            expected = f"SHA-256 {named[:16]}..., named by {after.parent.name}/{after.name}"
            faults[before] = Fault(
                before, expected, f"another file, with a seal that fits it: SHA-256 {_sha256(content)[:16]}..."
            )
    return Chain(
        documents=tuple(document for path, document in read.items() if document and path not in faults),
        digests=tuple(_sha256(content) for content in files.values() if content is not None),
        faults=tuple(faults[path] for path in files if path in faults),
    )


def _fault(what: str, content: bytes | None, parsed: dict[str, Any], document: Record | str | None) -> str:
    """What is wrong with a file by itself; "" if nothing."""
    if content is None:
        return "gone, though a later one is there"
    if not parsed:
        return UNREADABLE
    if parsed.get("seal") != _seal(parsed):
        return "edited since it was written: its seal is not of what it says"
    return document or f"not a {what} this version can read" if isinstance(document, str) else ""


def _parsed(content: bytes | None) -> dict[str, Any]:
    try:
        document = orjson.loads(content or b"")
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _validated(content: bytes, kind: type[R]) -> R | str:
    """The document; or which of its names is none of a file of its folder, and "" for any other fault."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        names = (str(found["msg"]).removeprefix("Value error, ") for found in error.errors())
        return next((problem for problem in names if "no plain file name" in problem), "")


def _seal(document: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in document.items() if name != "seal"}
    return _sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
