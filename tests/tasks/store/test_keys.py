import ast

from tasks import solve
from tasks.store import keys
from tasks.store.keys import code_of, stage_key

PARTS = {"inputs": {"model": "abc"}, "settings": {"n": 8}, "code": "c", "versions": {"torch": "2"}}


def test_equal_parts_in_any_order_give_one_key_and_any_change_another():
    key = stage_key("solve", **PARTS)
    assert key == stage_key("solve", **dict(reversed(PARTS.items())))
    changes = [{"inputs": {"model": "abd"}}, {"settings": {"n": 9}}, {"code": "d"}, {"versions": {"torch": "3"}}]
    others = {stage_key("solve", **PARTS | change) for change in changes} | {stage_key("judge", **PARTS)}
    assert len(others) == 5
    assert key not in others


def test_a_docstring_or_a_comment_does_not_change_the_code_and_a_statement_does():
    def digest(text):
        return ast.dump(keys._without_docstrings(ast.parse(text)))

    plain = digest("def f(x):\n    return x\n")
    assert digest('"""Module."""\ndef f(x):\n    """Doc."""\n    return x  # why\n') == plain
    assert digest("def f(x):\n    return x + 1\n") != plain


def test_the_code_of_a_stage_is_its_file_and_the_project_files_it_imports():
    files, libraries = keys._closure("tasks.solve")
    assert {"tasks.solve", "tasks.engines.transformers", "tasks.engines.noise", "schemas.attempts"} <= files.keys()
    assert {"torch", "transformers", "pyarrow"} <= libraries
    assert "tasks.judge" not in files
    code, versions = code_of(solve.solve)
    assert len(code) == 16
    assert versions["torch"].startswith("2.")
