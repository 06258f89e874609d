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
from schemas.recipe import Benchmark
from tasks.sources import read_source


@pytest.fixture(scope="module")
def store(tmp_path_factory, quickstart, written_recipe):
    """A round with a candidate, and one that validation failed."""
    folder = tmp_path_factory.mktemp("compared")
    for changes in ({}, {"validation__min_sft_examples": 100_000}):
        path = written_recipe(
            folder, quickstart, "my-base", evaluate__num_samples=3, gate__sealed="sums-sealed", **changes
        )
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
    code, said, _ = compare("my-base/base", "my-base/1", "--json")
    found = json.loads(said)
    first, second = found["scores"]["my-base/base"], found["scores"]["my-base/1"]
    n = 81 - found["unusable"].get("in sums-sealed, which is sealed", 0)
    assert (code, first["n"], second["n"]) == (0, n, n)
    assert 0 < first["accuracy"] < 1
    comparison = found["comparison"]
    assert comparison["difference"] == pytest.approx(second["accuracy"] - first["accuracy"])
    assert list(Score.model_validate(second).sampled) == ["mean@3", "pass@2", "pass@3", "maj@3"]
    assert first["mean_n"] == 20
    assert (comparison["gained"] - comparison["lost"]) / n == pytest.approx(comparison["difference"])
    assert (found["level"], found["shown"]) == (0.05, comparison["p_value"] <= 0.05)
    assert contents(store) == before


def test_a_checkpoint_against_itself_changes_nothing(compare):
    code, said, _ = compare("base", "my-base/base")
    assert code == 0
    assert re.search(
        r"^my-base/base against base: \+0\.0% \[-2\.\d%, \+2\.\d%\], 0 gained, 0 lost\np = 1 \(mcnemar\): not shown",
        said, re.M,
    )  # fmt: skip
    assert "next: " not in said
    assert re.search(r"^ +mean@3 .*%\], pass@2 .*, maj@3 .*%\] of 20 items$", said, re.M)


def test_two_rounds_have_a_next_line(compare, store):
    _, said, _ = compare("1", "my-base/1")
    assert said.endswith(f"\nnext: selfplay diff 1 my-base/1 --store {store}\n")


def test_what_the_sealed_benchmark_holds_is_left_out_and_its_own_file_refused(compare, quickstart, tmp_path):
    path, sealed = tmp_path / "sealed.jsonl", quickstart["benchmarks"][1]
    items = read_source("", Benchmark.model_validate(sealed), tmp_path).rows
    rows = [{"sum": item["question"], "is": item["reference"]} for item in items]
    path.write_text("\n".join(map(json.dumps, rows)))
    code, said, line = compare("base", "1", on=path)
    assert (code, said) == (2, "")
    assert "has no usable row (200 in sums-sealed, which is sealed)" in line
    path.write_text("\n".join(map(json.dumps, [*rows[:3], {"sum": "1+2+3+4", "is": "10"}])))
    code, said, _ = compare("base", "1", on=path)
    assert (code, said.splitlines()[0]) == (0, "rows that could not be used: 3 in sums-sealed, which is sealed")


def test_one_item_and_rows_that_cannot_be_used_are_said_to_be_so(compare, tmp_path):
    rows = [{"sum": "1+2+3+4", "is": 10}, {"sum": "1+2+3+4", "is": 10}, {"sum": 7, "is": "7"}, {"sum": "9+9+9+9"}]
    (tmp_path / "few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, said, _ = compare("base", "1", on=tmp_path / "few.jsonl")
    assert code == 0
    assert "rows that could not be used: 1 no answer, 1 no question, 1 repeated" in said
    assert re.search(
        r"^1 against base: .*\np = \S+ \(mcnemar\): not shown to be better at 5%, the level of 1's gate; "
        r"too few items to show any gain$",
        said,
        re.M,
    )


def test_what_cannot_be_compared_is_one_line(compare, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "text.jsonl").write_text("not\nJSON")
    (tmp_path / "other.jsonl").write_text('{"question": "1+2+3+4", "is": "10"}')
    (tmp_path / "untold.jsonl").write_text('{"sum": "1+2+3+4", "is": null}')
    words = [{"sum": f"what is {word}?", "is": word} for word in ("east", "west", "north")]
    (tmp_path / "words.jsonl").write_text("\n".join(map(json.dumps, words)))
    (tmp_path / "torn.parquet").write_text("PAR1")
    pq.write_table(pa.table({"sum": [1, 2], "is": ["1", "2"]}), tmp_path / "numbers.parquet")
    pq.write_table(pa.table({"sum": pa.array([], "string"), "is": pa.array([], "string")}), tmp_path / "none.parquet")
    for arguments, more, expected in (
        (("my-base/base", "my-base/2"), {}, "my-base/2: it has no weights"),
        (("my-base/9", "my-base/1"), {}, "my-base/9: no published round of this name"),
        (("my-base", "my-base/1"), {}, "expected a round such as quickstart/3"),
        (("1", "1"), {"on": tmp_path / "none.jsonl"}, "no such file"),
        (("1", "1"), {"on": tmp_path / "empty.jsonl"}, "has no usable row (it is empty)"),
        (("1", "1"), {"on": tmp_path / "none.parquet"}, "has no usable row (it is empty)"),
        (("1", "1"), {"on": tmp_path / "text.jsonl"}, "has no usable row (2 not a JSON object)"),
        (("1", "1"), {"on": tmp_path / "other.jsonl"}, "has no column 'sum'; it has is, question"),
        (("1", "1"), {"on": tmp_path / "untold.jsonl"}, "has no usable row (1 no answer)"),
        (("1", "1"), {"on": tmp_path / "numbers.parquet"}, "(2 no question); expected text in 'sum'"),
        (
            ("1", "1"),
            {"on": tmp_path / "words.jsonl"},
            "--on: the checker errs: 3 of 3 rows' answers known to be right",
        ),
        (("1", "1"), {"on": tmp_path / "torn.parquet"}, "torn.parquet cannot be read: "),
        (("1", "1"), {"on": tmp_path}, f"{tmp_path} cannot be read: "),
        (("1", "1"), {"on": tmp_path / "mine.txt"}, "mine.txt': no such file"),
    ):
        code, said, line = compare(*arguments, **more)
        assert (code, said) == (2, ""), line
        assert expected in line
        assert line == " ".join(line.split())
