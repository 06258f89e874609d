"""What counts as a stage's code: the definitions that it reaches by name."""

import ast
from pathlib import Path

import pytest

from tasks.store import code
from tasks.store.code import ROOT, reached


def modules_of(stage):
    found, libraries = reached(((f"tasks.{stage}", stage),))
    return {module for module, _ in found}, libraries


def test_a_stage_reaches_what_it_names_however_far_away_and_nothing_else():
    modules, libraries = modules_of("solve")
    assert {"tasks.solve", "tasks.engines.transformers", "tasks.engines.noise", "schemas.attempts"} <= modules
    assert {"torch", "transformers", "mpmath"} <= libraries
    assert not modules & {"tasks.vote", "tasks.train", "schemas.verdicts", "schemas.recipe", "schemas.tables"}


@pytest.mark.parametrize("stage", sorted(path.stem for path in (ROOT / "tasks").glob("*.py")))
def test_a_table_that_others_write_is_no_code_of_a_stage(stage):
    assert "schemas.tables" not in modules_of(stage)[0]


def test_what_moves_rows_does_not_count_but_for_ids_noise_and_which_rows_are_valid():
    found, _ = reached((("tasks.build", "build"),))
    stored = {name for name in found if name[0].startswith("tasks.store")}
    assert stored == {("tasks.store.identity", name) for name in ("row_id", "random_seed", "valid")}


def test_a_program_that_a_stage_starts_counts_whole():
    modules, libraries = modules_of("vote")
    assert "tasks.answers.verify_worker" in modules
    assert "math_verify" in libraries


def test_a_docstring_or_a_comment_does_not_change_the_code_and_a_statement_does():
    def dumped(text):
        return ast.dump(code._without_docstrings(ast.parse(text)))

    plain = dumped("def f(x):\n    return x\n")
    assert dumped('"""Module."""\ndef f(x):\n    """Doc."""\n    return x  # why\n') == plain
    assert dumped("def f(x):\n    return x + 1\n") != plain


FILES = {
    "tasks/stage.py": """
from tasks import second
from tasks.first import used as renamed
from schemas import third
def stage(draft: "Draft"):
    from tasks.lazy import inside
    import torch
    return renamed() + second.other() + third.VALUE + inside(LIMIT)
LIMIT = 3
def beside(): pass
""",
    "tasks/first.py": """
import numpy
TABLE = {}
TABLE['a'] = 1
def used(): return TABLE
def unused(): return numpy
""",
    "tasks/second.py": "from tasks.first import unused\ndef other(): return 1\ndef another(): return unused()\n",
    "tasks/lazy.py": "if True:\n    def inside(x): return x\n",
    "schemas/third.py": "VALUE = 1\nOTHER = 2\n",
}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The code of the stage in a small project, with one file changed."""
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "BEHIND_EVERY_STAGE", ())

    def digests(path="", old="", new=""):
        for name, text in FILES.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.replace(old, new) if name == path else text)
        code.module_of.cache_clear()
        code._definition.cache_clear()
        return reached((("tasks.stage", "stage"),))

    yield digests
    code.module_of.cache_clear()
    code._definition.cache_clear()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("tasks/stage.py", "LIMIT = 3", "LIMIT = 4"),
        ("tasks/first.py", "return TABLE", "return {}"),
        ("tasks/first.py", "= 1", "= 2"),
        ("tasks/second.py", "return 1", "return 2"),
        ("tasks/lazy.py", "return x", "return -x"),
        ("schemas/third.py", "VALUE = 1", "VALUE = 2"),
        ("tasks/stage.py", "import torch", "import scipy"),
    ],
)
def test_a_change_of_what_is_reached_changes_the_code(copied, path, old, new):
    assert copied(path, old, new) != copied()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("tasks/stage.py", "def beside(): pass", "def beside(): return 1"),
        ("tasks/first.py", "return numpy", "return 2"),
        ("tasks/second.py", "return unused()", "return 2"),
        ("schemas/third.py", "OTHER = 2", "OTHER = 3"),
    ],
)
def test_a_change_beside_it_changes_nothing(copied, path, old, new):
    assert copied(path, old, new) == copied()


def test_every_file_of_the_project_is_read_as_it_is_written():
    for path in [*Path(ROOT, "tasks").rglob("*.py"), *Path(ROOT, "schemas").rglob("*.py")]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        assert code.module_of(name) is not None
