"""`selfplay rejudge`, on a round that was really played: against another reading of the same files."""

import json
import re
import sys
from collections import Counter

import pytest

from flows import main
from flows.console import Console
from flows.run import run_recipe

from .reread import Lineage

FIRST_DIGIT = r"#(\d)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quickstart, written_recipe):
    """A round that validation failed, before any training: played once for all tests, which only read it."""
    folder = tmp_path_factory.mktemp("rejudged")
    path = written_recipe(folder, quickstart, "small", validation__min_sft_examples=100_000)
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return folder


@pytest.fixture
def rejudge(folder, quickstart, written_recipe, monkeypatch, capsys):
    def typed(*options, **changes):
        command = ["rejudge", "small/1", "--store", folder / "store", *options]
        if changes:
            command += ["--recipe", written_recipe(folder, quickstart, "other", **changes)]
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, command)])
        line, code = main._ended()
        assert (line, code) == ("", 0)
        return capsys.readouterr().out

    return typed


def contents(folder):
    return {
        path: (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns) for path in folder.rglob("*")
    }


def test_a_round_by_its_own_code_and_recipe_is_what_it_was(rejudge, folder):
    found = json.loads(rejudge("--json"))
    played = Lineage(folder / "store/small").rounds[1]
    assert (found["attempts"], found["questions"]) == (len(played.tables["attempts"]), 40)
    assert [found[kind] for kind in ("answers", "labels", "selections", "probe")] == [[], [], [], []]
    assert (found["rewards"], found["unread"], found["undecided"]) == (0, 0, 0)
    assert found["selected_before"] == found["selected_after"] == len(played.tables["selections"])
    assert found["precision_before"] == found["precision_after"]
    marks = [row["correct"] for row in played.tables["probe_verdicts"] if row["correct"] is not None]
    assert (found["precision_after"]["n"], found["precision_after"]["accuracy"]) == (
        len(marks),
        sum(marks) / len(marks),
    )
    said = rejudge()
    assert re.search(r"^  labels +40 questions: all the same$", said, re.M)
    assert "no label flips" in said


def test_what_flips_by_another_pattern_is_what_the_texts_say(rejudge, folder):
    found = json.loads(rejudge("--json", answers__pattern=FIRST_DIGIT))
    played = Lineage(folder / "store/small").rounds[1]
    read = {row["id"]: re.findall(FIRST_DIGIT, row["text"])[-1:] for row in played.tables["attempts"]}
    were = {row["attempt_id"]: row for row in played.tables["answers"]}
    differ = {name for name, said in read.items() if (said or [None])[0] != were[name]["answer"]}
    assert {flip["attempt_id"] for flip in found["answers"]} == differ
    assert {flip["after"]["text"] for flip in found["answers"]} <= {*map(str, range(10)), None}

    votes = {}
    for row in played.tables["attempts"]:
        if row["finish_reason"] == "stop":
            votes.setdefault(row["question_id"], Counter()).update(read[row["id"]])
    labels = {name: winner(counts) for name, counts in votes.items()}
    changed = {v["question_id"] for v in played.tables["verdicts"] if labels.get(v["question_id"]) != v["answer"]}
    assert {flip["question_id"] for flip in found["labels"]} == changed
    assert changed
    truths = {row["question_id"]: row["reference"] for row in played.tables["probe_verdicts"]}
    marks = [labels[name] == truth for name, truth in truths.items() if labels.get(name)]
    assert found["precision_after"]["n"] == len(marks)
    assert found["precision_after"]["accuracy"] == pytest.approx(sum(marks) / len(marks))
    assert found["precision_after"]["high"] < found["precision_before"]["accuracy"]


def winner(votes):
    (first, most), *others = votes.most_common() or [(None, 0)]
    return None if any(count == most for _, count in others) else first


def test_selections_are_made_anew_by_the_band_and_the_caps(rejudge, folder):
    found = json.loads(rejudge("--json", select__max_agreement=0.75, select__max_questions=5))
    played = Lineage(folder / "store/small").rounds[1]
    hits = {row["row_id"] for row in played.tables["contamination"]}
    agreed = {row["question_id"]: row["agreement"] for row in played.tables["verdicts"] if row["answer"]}
    low = played.recipe["select"]["min_agreement"]
    band = [
        row["id"]
        for row in sorted(played.tables["questions"], key=lambda row: row["position"])
        if row["id"] not in hits and low <= agreed.get(row["id"], -1) <= 0.75
    ]
    before = {row["question_id"] for row in played.tables["selections"]}
    assert found["selected_after"] == len(band[:5])
    assert {flip["question_id"] for flip in found["selections"]} == before ^ set(band[:5])
    assert {flip["after"] for flip in found["selections"]} <= {"selected", "above_band", "over_cap"}
    assert found["labels"] == []


def test_the_page_says_what_flips_the_first_few_or_all_and_what_to_type(rejudge, folder):
    said = rejudge(answers__pattern=FIRST_DIGIT)
    assert re.search(r"^  answers +[\d,]+ attempts: [\d,]+ another text; [\d,]+ rewards changed$", said, re.M)
    assert re.search(r"^  precision +\d.*%\] of \d+ probe rows -> \d.*%\] of \d+ probe rows$", said, re.M)
    assert re.search(r"^  and [\d,]+ more: --all, or --json$", said, re.M)
    assert re.search(rf"^next: selfplay why questions-0001-\w+ --store {folder}/store ", said, re.M)
    whole = rejudge("--all", answers__pattern=FIRST_DIGIT)
    assert "more: --all" not in whole
    assert len(whole.splitlines()) > len(said.splitlines())


def test_nothing_is_written_not_even_what_was_checked(rejudge, folder):
    before = contents(folder / "store")
    rejudge()
    first_sums = r"(?s)\A(.*?)="  # 3+4 and 4+3 are one answer to math-verify alone
    found = json.loads(rejudge("--json", answers__equivalence="math", answers__pattern=first_sums))
    assert {flip["after"]["answer"] for flip in found["labels"]} - {None}
    assert contents(folder / "store") == before
