"""A stage's key: a hash of everything that decides what the stage writes, and of nothing else."""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ("tasks", "schemas")
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


def code_of(stage: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Digest of the stage's code, and the versions of the libraries that it imports, directly or not."""
    files, libraries = _closure(stage.__module__)
    listing = "".join(f"{module}\0{digest}\n" for module, digest in sorted(files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()[:16], _versions(frozenset(libraries))


@cache
def _closure(module: str) -> tuple[dict[str, str], set[str]]:
    """Digest of each project file a module imports, itself included, and the other libraries' names."""
    files: dict[str, str] = {}
    libraries: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        path = _source(name)
        if path is None or name in files:
            continue
        files[name], imports = _read(path)
        for imported in imports:
            if imported.split(".")[0] in PROJECT:
                todo.append(imported)
            else:
                libraries.add(imported.split(".")[0])
    return files, libraries - set(sys.stdlib_module_names) - UNCOUNTED


@cache  # most files are behind several stages
def _read(path: Path) -> tuple[str, set[str]]:
    """Digest of what a file does, and the modules that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(), _imports(tree)


def _source(module: str) -> Path | None:
    """The file of a project module; None for a name inside one (`from tasks.solve import solve`)."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        texts = [n for n in body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
        node.body = [n for n in body if n not in texts]  # type: ignore[attr-defined]
    return tree


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
