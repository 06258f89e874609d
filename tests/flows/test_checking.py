"""`selfplay check-answers`: how a file's answers are read, as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows import main

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "deployments/data"


@pytest.fixture
def check(monkeypatch, capsys):
    def typed(*arguments):
        monkeypatch.setattr(sys, "argv", ["selfplay", "check-answers", *map(str, arguments)])
        line, code = main._ended()
        assert line == ""
        return code, capsys.readouterr().out

    return typed


@pytest.fixture
def mixed(tmp_path):
    """Numbers, and all that a file may hold beside them."""
    rows = [{"question": f"{n}+{n}", "answer": 2 * n} for n in range(100)]
    rows += [
        {"question": "boxed", "answer": "so it is \\boxed{7}"},
        {"question": "words", "answer": "plenty"},
        {"question": "nothing", "answer": "\\$"},
        {"question": "long", "answer": "we add one and one and " * 20},
        {"question": "1+1", "answer": "3"},
        {"question": "2+2", "answer": "4"},
        {"question": "none", "answer": None},
        {"question": "", "answer": "4"},
        {"question": "itself", "answer": "itself"},
        {"question": "hostile", "answer": "\x1b[2J\u202e[bold]\r\n" * 30},
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\nnot JSON\n")
    return path


def test_a_shipped_file_is_read_whole_and_marked_right(check):
    code, said = check(DATA / "math/math_500.jsonl")
    assert code == 0
    assert "500 rows, numbered from 0" in said
    assert "of 500 rows: answers known to be right are marked right\n" in said
    assert said.rstrip().endswith("then: selfplay plan RECIPE")


def test_how_references_are_read_and_which_are_doubtful(check, mixed):
    code, said = check(mixed, "--json", "--equivalence", "canonical")
    found = json.loads(said)
    assert (code, found["rows"], found["fault"]) == (0, 111, "")
    assert found["read"] == {"as it stands": 103, "a box": 1}
    assert found["unusable_rows"] == {
        "a text that states no answer": [103, 109], "no answer": [106], "no question": [107], "repeated": [105],
        "not a JSON object": [110], "the same question with another answer": [104],
    }  # fmt: skip
    assert found["unusable"] == {reason: len(rows) for reason, rows in found["unusable_rows"].items()}
    doubts = {doubt["row"]: doubt["why"] for doubt in found["doubtful"]}
    assert doubts == {
        101: "read as words, where most are read as number",
        102: "it has no normal form: no answer equals it",
        104: "an earlier row has the same question and the answer 2",
        108: "it is the question itself",
    }
    assert found["right"]["n"] == 104
    assert 0.9 < found["right"]["low"] < found["right"]["accuracy"] < 1


def test_the_page_is_fit_for_a_terminal_and_says_what_to_type(check, mixed):
    code, said = check(mixed)
    assert code == 0
    assert all(line.isprintable() for line in said.splitlines())
    assert "unusable  1 the same question with another answer: row 104\n" in said
    assert "  row 101: plenty  read as words, where most are read as number\n" in said
    last = said.rstrip().splitlines()[-1]
    assert last.startswith("next: mend or leave out the doubtful rows; all of them: selfplay check-answers ")
    assert last.endswith(" --json")


def test_a_file_that_a_run_would_refuse_is_exit_1_and_says_why(check):
    fields = DATA / "topics/benchmark.jsonl"
    code, said = check(fields, "--equivalence", "canonical", "--answer-pattern", r"(\d+)")
    assert code == 1
    assert "right     0.0% [0.0%, 2.1%] of 179 rows" in said
    assert "next: a run would refuse this file: 179 of 179 rows' answers known to be right are marked wrong" in said
    code, said = check(fields, "--equivalence", "canonical", "--answer-pattern", r"<<(.*)>>")
    assert (code, "nothing was marked" in said) == (0, True)


def test_it_imports_neither_prefect_nor_torch():
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['check-answers', {str(DATA / 'sums/probe.jsonl')!r}], standalone_mode=False)\n"
        "assert not {'prefect', 'torch', 'transformers', 'trl', 'great_expectations'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
