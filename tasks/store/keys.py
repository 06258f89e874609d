"""A stage's key: a hash of everything that decides what the stage writes, and of nothing else."""

import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson

from tasks.store.code import reached

BEHIND = {  # libraries that another one leans on for what it computes
    "transformers": ("tokenizers",),
    "trl": ("accelerate", "datasets"),
    "math_verify": ("sympy", "latex2sympy2_extended"),
}
# they move bytes or draw progress, and change nothing of what is written
UNCOUNTED = {"orjson", "pydantic", "rich", "httpx", "psutil", "ray", "upath"}


def stage_key(name: str, inputs: Mapping[str, Any], settings: Any, code: str, versions: Mapping[str, str]) -> str:
    """32 hex digits. `inputs` are digests or plain values; executor, worker count and placement are not in it."""
    parts = {"stage": name, "inputs": inputs, "settings": settings, "code": code, "versions": versions}
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def code_of(*definitions: Callable[..., Any] | type) -> tuple[str, dict[str, str]]:
    """Digest of a stage, the classes of what it is given and all that they reach, and the versions of the libraries
    that these import."""
    found, libraries = _reached(frozenset((each.__module__, each.__qualname__.split(".")[0]) for each in definitions))
    listing = "".join(f"{module}.{name}\0{digest}\n" for (module, name), digest in sorted(found.items()))
    return hashlib.sha256(listing.encode()).hexdigest()[:16], _versions(frozenset(libraries - UNCOUNTED))


@cache
def _reached(roots: frozenset[tuple[str, str]]) -> tuple[dict[tuple[str, str], str], set[str]]:
    return reached(tuple(roots))


@cache  # it reads the file lists of all that is installed: most of a second
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@cache
def _versions(libraries: frozenset[str]) -> dict[str, str]:
    distributions = _distributions()
    every = libraries | {behind for library in libraries for behind in BEHIND.get(library, ())}
    found = {library: distributions[library][0] for library in every if library in distributions}
    versions = {library: importlib.metadata.version(name) for library, name in sorted(found.items())}
    return {"python": ".".join(map(str, sys.version_info[:2]))} | versions
