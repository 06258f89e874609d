"""Fails where the machine around a round names a stage, a table or a method: it reads what they declare.

python scripts/lint_names.py
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flows import environment  # noqa: E402

environment.prepare()

from flows.methods import METHODS  # noqa: E402
from schemas.recipe import Recipe  # noqa: E402
from schemas.tables import TABLES  # noqa: E402

MACHINE = ("flows/*.py", "flows/commands/*.py", "flows/lines/*.py", "tasks/audit/**/*.py", "tasks/store/*.py",
           "tasks/estimate/*.py", "tasks/statistics/*.py", "tasks/engines/*.py", "tasks/outcome.py",
           "tasks/figures.py", "tasks/publish.py", "tasks/validate.py", "tasks/alarms.py", "tasks/gate.py",
           "tasks/confirm.py", "tasks/collect.py", "tasks/sources.py", "schemas/recipe.py", "schemas/manifest.py",
           "schemas/expectations.py", "schemas/table.py")  # fmt: skip
OF_LEARN = {  # how a round ends is the same for all: its stages and tables may be named
    "collect", "validate", "alarms", "train", "evaluate", "gate", "confirm",
    "dropped", "contamination", "evaluations", "benchmark_items", "train_steps", "reference_logps",
}  # fmt: skip
DECLARED = {  # declarations and tools of their own: each names what it is about
    "flows/controls.py": "arms of learn, which play stages of a method again",
    "tasks/audit/alarms.py": "an alarm names the tables that it looks at",
    "tasks/audit/figures.py": "what alarms measure of a table",
    "tasks/audit/pages/votes.py": "how votes look in a report",
    "tasks/audit/rejudge.py": "the vote, read again",
    "tasks/audit/recheck.py": "what stages of a vote, of new questions and of marks decided, decided again",
    "flows/lines/rejudge.py": "the vote, read again",
    "flows/commands/rejudging.py": "the vote, read again",
}


def main() -> int:
    found = [line for path in files() for line in named_in(path, names() - OF_LEARN)]
    for line in found:
        print(line)
    print(f"{len(found)} names of stages, tables or methods in the machine around them" if found else "no name leaks")
    return 1 if found else 0


def files() -> list[Path]:
    every = {path for pattern in MACHINE for path in ROOT.glob(pattern)}
    return sorted(path for path in every if path.relative_to(ROOT).as_posix() not in DECLARED)


def names() -> set[str]:
    """Stages, tables and methods, as they are written in code."""
    tables = {name.rpartition("/")[2] for name in TABLES}
    found = (
        tables | set(METHODS) | {stage for path in (ROOT / "flows/methods").glob("*.py") for stage in stages(path)}
    )
    return found - set(Recipe.model_fields) - {"tasks"}  # [answers] is a section of every recipe, tasks a package


def stages(path: Path) -> Iterator[str]:
    """The stages that a method imports: functions called as their modules are."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tasks."):
            yield from ({alias.name for alias in node.names} & {(node.module or "").rpartition(".")[2]})


def named_in(path: Path, forbidden: set[str]) -> Iterator[str]:
    """Imports of a stage's or a table's module, and strings that are a name, alone or with a label or a folder."""
    where = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        told = ""
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("tasks", "schemas"):
            told = node.module.rpartition(".")[2] if node.module.count(".") == 1 else ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            told = node.value.removeprefix("inputs/").partition(".")[0]
        if told in forbidden:
            yield f"{where}:{getattr(node, 'lineno', 0)}: {told}"


if __name__ == "__main__":
    sys.exit(main())
