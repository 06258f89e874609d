"""`selfplay compare`, on rounds that were really played and a file of the user's own."""

import json
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import main
from flows.console import Console
from flows.run import run_recipe
from schemas.manifest import Score

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def store(tmp_path_factory, prefect_server, quickstart, written_recipe):
    """A round with a candidate, and one that validation failed."""
    folder = tmp_path_factory.mktemp("compared")
    for changes in ({}, {"validation__min_sft_examples": 100_000}):
        path = written_recipe(folder, quickstart, "small", evaluate__num_samples=3, **changes)
        run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return folder / "store"


@pytest.fixture
def sums(tmp_path):
    path = tmp_path / "mine.jsonl"
    rows = [{"sum": f"{a}+{b}+{a}+{b}", "is": str(2 * (a + b))} for a in range(1, 10) for b in range(1, 10)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def compare(store, sums, monkeypatch, capsys):
    def typed(*arguments, on=sums):
        columns = ["--question", "sum", "--answer", "is"]
        command = ["compare", *arguments, "--on", on, *columns, "--store", store]
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, command)])
        line, code = main._ended()
        return code, capsys.readouterr().out, line

    return typed


def contents(store):
    return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_two_checkpoints_are_compared_on_a_users_file_and_nothing_is_written(compare, store):
    before = contents(store)
    code, said, _ = compare("small/base", "small/1", "--json")
    found = json.loads(said)
    first, second = found["scores"]["small/base"], found["scores"]["small/1"]
    assert (code, first["n"], second["n"]) == (0, 81, 81)
    assert 0 < first["accuracy"] < 1
    comparison = found["comparison"]
    assert comparison["difference"] == pytest.approx(second["accuracy"] - first["accuracy"])
    assert list(Score.model_validate(second).sampled) == ["mean@3", "pass@2", "pass@3", "maj@3"]
    assert (first["mean_n"], found["unusable"]) == (20, {})
    assert (comparison["gained"] - comparison["lost"]) / 81 == pytest.approx(comparison["difference"])
    assert contents(store) == before


def test_a_checkpoint_against_itself_changes_nothing(compare):
    code, said, _ = compare("base", "small/base")
    assert code == 0
    assert "small/base against base: +0.0% [+0.0%, +0.0%], 0 gained, 0 lost\np = 1 (mcnemar)" in said
    assert re.search(r"^ +mean@3 .*%\], pass@2 .*, maj@3 .*%\] of 20 items$", said, re.M)


def test_one_item_and_rows_that_cannot_be_used_are_said_to_be_so(compare, tmp_path):
    rows = [{"sum": "1+2+3+4", "is": 10}, {"sum": "1+2+3+4", "is": 10}, {"sum": 7, "is": "7"}, {"sum": "9+9+9+9"}]
    (tmp_path / "few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, said, _ = compare("base", "1", on=tmp_path / "few.jsonl")
    assert code == 0
    assert "rows that could not be used: 1 no answer, 1 no question, 1 repeated" in said
    assert re.search(
        r"^1 against base: .*\np = \S+ \(mcnemar\); so few items could have shown no gain at all$", said, re.M
    )


def test_what_cannot_be_compared_is_one_line(compare, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "text.jsonl").write_text("not\nJSON")
    (tmp_path / "other.jsonl").write_text('{"question": "1+2+3+4", "is": "10"}')
    (tmp_path / "untold.jsonl").write_text('{"sum": "1+2+3+4", "is": ["10"]}')
    (tmp_path / "torn.parquet").write_text("PAR1")
    pq.write_table(pa.table({"sum": [1, 2], "is": ["1", "2"]}), tmp_path / "numbers.parquet")
    pq.write_table(pa.table({"sum": pa.array([], "string"), "is": pa.array([], "string")}), tmp_path / "none.parquet")
    for arguments, more, expected in (
        (("small/base", "small/2"), {}, "small/2: it has no weights"),
        (("small/9", "small/1"), {}, "small/9: no published round of this name"),
        (("small", "small/1"), {}, "expected a round such as quickstart/3"),
        (("1", "1"), {"on": tmp_path / "none.jsonl"}, "no such file"),
        (("1", "1"), {"on": tmp_path / "empty.jsonl"}, "has no usable row (it is empty)"),
        (("1", "1"), {"on": tmp_path / "none.parquet"}, "has no usable row (it is empty)"),
        (("1", "1"), {"on": tmp_path / "text.jsonl"}, "has no usable row (2 not a JSON object)"),
        (("1", "1"), {"on": tmp_path / "other.jsonl"}, "has no column 'sum'; it has is, question"),
        (("1", "1"), {"on": tmp_path / "untold.jsonl"}, "has no usable row (1 no answer)"),
        (("1", "1"), {"on": tmp_path / "numbers.parquet"}, "(2 no question); expected text in 'sum'"),
        (("1", "1"), {"on": tmp_path / "torn.parquet"}, "torn.parquet cannot be read: "),
        (("1", "1"), {"on": tmp_path}, f"{tmp_path} cannot be read: "),
        (("1", "1"), {"on": tmp_path / "mine.txt"}, "mine.txt': no such file"),
    ):
        code, said, line = compare(*arguments, **more)
        assert (code, said) == (2, ""), line
        assert expected in line
        assert line == " ".join(line.split())
