"""The code behind a stage: every definition that it reaches by name, through the project's files, and no other.

A file that gains a table, a method or an alarm changes only the stages that name it. What moves rows (tasks/store)
decides nothing of them and is left out, but for their ids, their noise, and which of them are valid.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ("tasks", "schemas")
MOVES_ROWS = "tasks.store"
BEHIND_EVERY_STAGE = tuple(("tasks.store.identity", name) for name in ("row_id", "random_seed", "valid"))

Name = tuple[str, str]
"""A module and a definition in it; "" for all of the module."""


@dataclass
class Module:
    """A project file as others see it."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    """Name -> the statements that bind it."""
    imports: dict[str, Name] = field(default_factory=dict)
    """Name -> what it stands for, in another module."""
    always: list[ast.stmt] = field(default_factory=list)
    """What runs whenever the module is imported, and binds no name."""


def reached(roots: tuple[Name, ...]) -> tuple[dict[Name, str], set[str]]:
    """Every definition that these reach, with the digest of its syntax tree, and the libraries that they import."""
    found: dict[Name, str] = {}
    libraries: set[str] = set()
    todo = [*roots, *BEHIND_EVERY_STAGE]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        module = module_of(name[0])
        if module is None:
            libraries.add(name[0].split(".")[0])
            continue
        digest, used = _definition(*name)
        if digest:
            found[name] = digest
        todo += [other for other in used if _counts(other)]
    return found, libraries - set(sys.stdlib_module_names)


def _counts(name: Name) -> bool:
    return name in BEHIND_EVERY_STAGE or not (name[0] + ".").startswith(MOVES_ROWS + ".")


@cache
def _definition(module: str, name: str) -> tuple[str, frozenset[Name]]:
    """Digest of what binds a name in a project file ("" if it only stands for another's), and all that it uses."""
    here = module_of(module)
    assert here is not None
    if name and name in here.imports and name not in here.definitions:
        return "", frozenset({here.imports[name]})
    every = [statement for statements in here.definitions.values() for statement in statements]
    statements = [*here.definitions.get(name, every), *here.always]  # all of it too where its `__file__` is run
    used = {other for statement in statements for other in _used(statement, module, here)}
    dumped = "\n".join(ast.dump(_without_docstrings(statement)) for statement in statements)
    return hashlib.sha256(dumped.encode()).hexdigest(), frozenset(used)


@cache
def module_of(module: str) -> Module | None:
    """A file of the project by its module's name; None for a library."""
    path = _source(module)
    if path is None:
        return None
    found = Module()
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        bound = list(_bound(statement))
        found.imports |= _imports(statement, module)
        for name in bound:
            found.definitions.setdefault(name, []).append(statement)
        if not bound and not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_docstring(statement):
            found.always.append(statement)
    return found


def _source(module: str) -> Path | None:
    if module.split(".")[0] not in PROJECT:
        return None
    path = ROOT.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of a module binds, imports apart."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from (inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _imports(tree: ast.AST, module: str) -> dict[str, Name]:
    """What the imports anywhere in a statement bind."""
    found: dict[str, Name] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: imports are absolute"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                is_module = _source(inside) is not None
                found[alias.asname or alias.name] = (inside, "") if is_module else (node.module, alias.name)
    return found


def _used(statement: ast.stmt, module: str, here: Module) -> Iterator[Name]:
    """What a statement's names stand for: definitions of its own module, or of others."""
    inner = {} if isinstance(statement, ast.Import | ast.ImportFrom) else _imports(statement, module)
    yield from inner.values() if not inner else (other for other in inner.values() if _source(other[0]) is None)
    known = here.imports | inner
    of_modules = {
        id(node.value): (known[node.value.id][0], node.attr)
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and known.get(node.value.id, ("", "?"))[1] == "" and _source(known[node.value.id][0])
    }  # fmt: skip
    for node in ast.walk(statement):
        if not isinstance(node, ast.Name):
            continue
        if id(node) in of_modules:
            yield of_modules[id(node)]
        elif node.id in here.definitions:
            yield module, node.id
        if id(node) not in of_modules and node.id in known:
            yield known[node.id]


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [inner for inner in body if not _is_docstring(inner)]
    return tree
