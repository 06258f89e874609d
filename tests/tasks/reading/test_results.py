"""Files of results: what tools really wrote (results/README.md), and what nobody should have written."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.errors import BadInput
from tasks.reading import archives, results
from tasks.reading.games_won import read_won
from tasks.reading.results import read_results

REAL = Path(__file__).parent / "results"
HARNESS, INSPECT = REAL / "harness", REAL / "inspect"


def right(found):
    return sum(map(bool, found.marks.values())), len(found.marks)


@pytest.fixture
def written(tmp_path):
    def write(*lines, name="results.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return path

    return write


@pytest.fixture
def packed(tmp_path):
    def pack(samples, name="summaries.json", method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "log.eval"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(name, samples if isinstance(samples, bytes) else json.dumps(samples))
        return path

    return pack


def sample(id, value, epoch=1, **more):
    return {"id": id, "epoch": epoch, "scores": {"match": {"value": value}}} | more


def test_real_logs_of_the_harness_have_the_accuracy_that_it_printed():
    """Its own tables: strict and flexible 0.4 and 0.25 on sums_long, strict 0.9 and 0.25 on sums_short."""
    for run, long, short in (("greedy", 8, 18), ("sampled", 5, 5)):
        for metric in ("exact_match,strict", "exact_match,flexible"):
            found = read_results(HARNESS / run, ["acc", metric, "exact_match"])
            assert {task: right(each) for task, each in found.items()} == {
                "sums_long": (long, 20),
                "sums_short": (short, 20),
            }
    (one,) = (HARNESS / "greedy").glob("*short*")
    assert right(read_results(one)[""]) == (18, 20), "one metric, one filter: it need not be named"
    with pytest.raises(BadInput, match=r"several metrics; .*: exact_match,strict, exact_match,flexible$"):
        read_results(HARNESS / "greedy", ["exact_match"])


def test_real_logs_of_inspect_have_the_accuracy_that_it_found():
    assert right(read_results(INSPECT / "greedy.eval")[""]) == (17, 24)
    found = read_results(INSPECT / "sampled.eval", ["pattern"])[""]
    assert right(found) == (5, 24) and found.note == "2 epochs: only epoch 1 is compared"
    with pytest.raises(BadInput, match="several metrics; name one by --metric: pattern, includes"):
        read_results(INSPECT / "sampled.eval")


def test_marks_are_true_false_one_zero_or_null(written):
    marks = [True, False, 1, 0, None, 1.0]
    path = written(*({"id": n, "correct": mark, "text": "x"} for n, mark in enumerate(marks)), "")
    assert [*read_results(path)[""].marks.values()] == [True, False, True, False, None, True]
    path = written({"id": "a", "passes": 1, "score": 0.3}, {"id": "b", "passes": 0, "score": 1})
    assert read_results(path, ["passes"])[""].marks == {"a": True, "b": False}


def test_of_an_older_harness_the_metrics_are_what_is_a_number(written):
    path = written({"doc_id": 0, "target": "4", "acc": 1.0}, {"doc_id": 1, "target": "5", "acc": 0.0})
    assert read_results(path)[""].marks == {"0": True, "1": False}


def test_another_document_under_the_same_number_is_another_item(written):
    rows = [{"doc_id": 0, "metrics": ["acc"], "acc": 1, "doc_hash": hash} for hash in ("one", "other")]
    assert list(read_results(written(*rows))[""].marks) == ["0 one", "0 other"]


def test_of_a_folder_the_newest_log_of_each_task_is_read(written, tmp_path):
    for day, value in (("02", 1), ("03", 0)):
        written({"doc_id": 0, "acc": value}, name=f"samples_a_b_2026-01-{day}T00-00-00.1.jsonl")
    written("torn", name="results_2026-01-01T00-00-00.1.json")
    assert {task: each.marks for task, each in read_results(tmp_path).items()} == {"a_b": {"0": False}}


def test_grades_of_inspect(packed):
    samples = [sample(n, value) for n, value in enumerate(("C", "I", "P", "N", True, 0.0, None))]
    samples += [{"id": "failed", "epoch": 1, "error": "it broke"}, sample(0, "C", epoch=2)]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        found = read_results(packed(samples, method=method))[""]
        assert [*found.marks.values()] == [True, False, False, False, True, False, None, None]
        assert found.note == "2 epochs: only epoch 1 is compared"


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([], "no row with a mark in it"),
        (["{"], "line 1: not JSON"),
        (["", "[1]"], r"line 2: \[1\]: expected an object with id and correct"),
        ([{"correct": 1}], "line 1: no id; it has correct"),
        ([{"id": 1, "score": 1}], "line 1: no correct; it has id, score: name the key of the mark by --metric"),
        ([{"id": 1, "correct": 0.5}], "line 1: correct = 0.5: expected true, false, 1, 0 or null"),
        ([{"id": 1, "correct": "yes\x1b"}], r"line 1: correct = yes\\x1b: expected true"),
        (['{"id": 1, "correct": NaN}'], "line 1: correct = NaN: expected true"),
        ([{"id": 1, "correct": 1}, {"id": "1", "correct": 0}], "line 2: id = 1 stands there twice"),
        ([{"id": None, "correct": 1}], "line 1: id = null: expected text or a whole number"),
        ([{"id": True, "correct": 1}], "line 1: id = true: expected text or a whole number"),
        ([{"doc_id": 1, "metrics": ["f1"], "f1": 0.4}], "line 1: f1 = 0.4: expected true"),
        (
            [{"doc_id": 1, "metrics": ["acc", "acc_norm"], "acc": 1, "acc_norm": 1}],
            "several metrics; .*acc, acc_norm",
        ),
        ([{"doc_id": 1, "metrics": [["acc"], None]}], "no row with a mark in it"),
        (["[" * 200_000], "line 1: not JSON"),
        (['{"id": ' + "9" * 5_000 + ', "correct": 1}'], "line 1: not JSON"),
    ],
)
def test_what_is_no_mark_is_one_line_with_its_place(written, lines, line):
    with pytest.raises(BadInput, match=line) as error:
        read_results(written(*lines))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500 and str(error.value).isprintable()


def test_a_line_too_long_is_not_read_whole(written, monkeypatch):
    monkeypatch.setattr(results, "LONGEST_LINE", 100)
    with pytest.raises(BadInput, match="line 2: longer than 100 bytes"):
        read_results(written({"id": 1, "correct": 1}, {"id": "x" * 100, "correct": 1}))


def test_what_is_no_file_of_results(tmp_path):
    (tmp_path / "rows.csv").write_text("id,correct\n1,1\n")
    (tmp_path / "text.eval").write_text("no zip")
    for path, line in (
        (tmp_path / "rows.csv", "expected .jsonl, .eval or a folder"),
        (tmp_path, "no samples_<task>_<time>.jsonl in it"),
        (tmp_path / "gone.jsonl", "gone.jsonl cannot be read: "),
        (tmp_path / "text.eval", "text.eval cannot be read: File is not a zip file"),
    ):
        with pytest.raises(BadInput, match=line):
            read_results(path)


@pytest.mark.parametrize(
    ("samples", "line"),
    [
        ({"id": 1}, "expected a list of samples"),
        ([1], "expected a list of samples"),
        ([], "no row with a mark in it"),
        ([{"id": 1, "epoch": 1}], "no row with a mark in it"),
        ([sample(1, 0.5)], "sample 1: match = 0.5: expected true"),
        ([sample(1, {"a": "C"})], 'sample 1: match = {"a": "C"}: expected true'),
        ([sample(None, "C")], "sample 1: id = null"),
        ([sample(1, "C"), sample(1, "I")], "sample 2: id = 1 stands there twice"),
        ([sample(1, "C", epoch=[])], "no row with a mark in it"),
        (b"[", "log.eval cannot be read: "),
    ],
)
def test_an_eval_log_that_is_none(packed, samples, line):
    with pytest.raises(BadInput, match=line):
        read_results(packed(samples))


def test_an_archive_is_read_within_bounds_and_by_one_known_name(packed, tmp_path, monkeypatch):
    whole = [sample(1, "C")]
    for more, line in (
        ({"name": "../../summaries.json"}, "no summaries.json in it"),
        ({"method": zipfile.ZIP_BZIP2}, "summaries.json: packed by method 12; expected deflate or zstd"),
    ):
        with pytest.raises(BadInput, match=line):
            read_results(packed(whole, **more))
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000)
    with pytest.raises(BadInput, match=r"summaries.json: larger than 1,000 bytes"):
        read_results(packed(b" " * 1_001))
    monkeypatch.setattr(archives, "LARGEST_DIRECTORY", 40)
    path = packed(whole)
    data = path.read_bytes()
    hidden = data[:-18] + b"PK\x05\x06" + data[-14:]  # another end's mark inside the end
    for content in (data, hidden, data[:-22] + b"PK\x06\x07" + bytes(16) + data[-22:]):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="an archive of more members than are read"):
            read_results(path)
    assert [path.name for path in tmp_path.iterdir()] == ["log.eval"], "nothing was unpacked"


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("summaries.json", pa.compress(b" " * 2**20, codec="zstd", asbytes=True))
    data = bytearray(bomb.getvalue())
    (start,) = (n for n in range(len(data)) if data[n : n + 4] == b"PK\x01\x02")
    data[start + 10 : start + 12] = struct.pack("<H", archives.ZSTANDARD)
    path = tmp_path / "bomb.eval"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="not of the size that the archive names"):
        read_results(path)
    for cut in range(0, len(data), 7):
        path.write_bytes(data[:cut])
        with pytest.raises(BadInput):
            read_results(path)


def test_games_are_counted_for_both_and_ties_by_half(written):
    games = [("x", "y", "a"), ("y", "x", "a"), ("y", "x", "b"), ("x", "z", "tie"), ("x", "z", None)]
    won = read_won(written(*({"a": a, "b": b, "winner": winner} for a, b, winner in games)))
    assert won.players == ("x", "y", "z")
    assert won.wins == [[0, 2, 0.5], [1, 0, 0], [0.5, 0, 0]]
    assert (won.games, won.ties, won.undecided) == (4, 1, 1)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"a": "x", "b": "y", "winner": "x"}, "row 2: winner = x: expected a, b, tie or null"),
        ({"a": "x", "b": "y", "winner": ["a"]}, r'row 2: winner = \["a"\]: expected'),
        ({"a": "x", "b": "x", "winner": "a"}, "row 2: a = b = x: expected two players"),
        ({"a": "x", "winner": "a"}, "row 2: b = null: expected a player's name"),
        ({"a": 1, "b": "x", "winner": "a"}, "row 2: a = 1: expected a player's name"),
        ("[]", "row 2: not a JSON object"),
    ],
)
def test_what_is_no_game_is_one_line_with_its_place(written, row, line):
    with pytest.raises(BadInput, match=line):
        read_won(written({"a": "x", "b": "y", "winner": "a"}, row))
    with pytest.raises(BadInput, match="0 players in decided games"):
        read_won(written({"a": "x", "b": "y", "winner": None}))
