"""`selfplay compare` on files of results, and `selfplay rank`: what is typed, what is printed."""

import json
import re
import sys
from pathlib import Path

import pytest

from flows import main

REAL = Path(__file__).resolve().parents[1] / "tasks/reading/results"
HARNESS = [str(REAL / "harness" / run) for run in ("sampled", "greedy")]
INSPECT = [str(REAL / "inspect" / run) for run in ("sampled.eval", "greedy.eval")]
ANY = ("--metric", "exact_match,flexible", "--metric", "exact_match")


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    def typed(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, arguments)])
        line, code = main._ended()
        return code, capsys.readouterr().out, line

    return typed


@pytest.fixture
def wrote(tmp_path):
    def write(name, *rows):
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
        return name

    return write


def marks(text):
    return [{"id": n, "correct": {"r": True, "w": False, "u": None}[letter]} for n, letter in enumerate(text)]


def test_two_files_are_compared_in_a_few_lines(ended, wrote):
    wrote("a.jsonl", *marks("r" * 20 + "w" * 20 + "u"), {"id": "only", "correct": 1})
    wrote("b.jsonl", *marks("r" * 18 + "w" * 2 + "r" * 12 + "w" * 7 + "u" * 2))
    code, said, _ = ended("compare", "a.jsonl", "b.jsonl")
    assert code == 0
    assert said == (
        "A = a.jsonl\n"
        "B = b.jsonl\n"
        "\n"
        "40 items compared; 1 only in A; 1 undecided in A (left out); 1 undecided in B (wrong)\n"
        "A 50.0% [35.2%, 64.8%], B 75.0% [59.8%, 85.8%]; B - A = +25.0% [+7.2%, +40.4%], 12 gained, 2 lost\n"
        "p = 0.0065 (mcnemar): B is shown to be better (level 5%)\n"
        "at 80% power: minimum detectable gain +22.7%; items needed for +25.0%: 33\n"
    )


def test_real_folders_of_the_harness_task_by_task(ended):
    code, said, _ = ended("compare", *HARNESS, *ANY)
    assert code == 0
    assert re.findall(r"^(\w+): 20 items compared$", said, re.M) == ["sums_long", "sums_short"]
    assert (
        "A 25.0% [11.2%, 46.9%], B 90.0% [69.9%, 97.2%]; B - A = +65.0% [+36.7%, +81.5%], 13 gained, 0 lost" in said
    )
    assert "p = 0.00012 (mcnemar), 0.00024 by Holm for 2 comparisons: B is shown to be better (level 5%)" in said
    assert "p = 0.19 (mcnemar), 0.19 by Holm for 2 comparisons: B is not shown to be better (level 5%)" in said


def test_real_logs_of_inspect_by_their_first_epoch(ended):
    code, said, _ = ended("compare", *INSPECT, "--metric", "pattern")
    assert code == 0 and "sampled.eval: 2 epochs: only epoch 1 is compared\n\n24 items compared\n" in said
    assert ", 13 gained, 1 lost\n" in said


def test_a_maximal_loss_is_ruled_out_instead(ended):
    _, said, _ = ended("compare", *HARNESS, *ANY, "--max-loss", "0.05")
    assert "(tango), 0.00012 by Holm for 2 comparisons: B is shown to lose less than 5.0% (level 5%)" in said
    assert "80% power" not in said


def test_json_has_the_same_figures_and_several_runs_are_against_the_first(ended, wrote):
    for name, text in (("a", "r" * 20 + "w" * 20), ("b", "r" * 18 + "w" * 2 + "r" * 12 + "w" * 8), ("c", "r" * 40)):
        wrote(f"{name}.jsonl", *marks(text))
    code, said, _ = ended("compare", "a.jsonl", "b.jsonl", "c.jsonl", "--json")
    found = json.loads(said)
    assert code == 0 and found["level"] == 0.05 and found["notes"] == []
    assert [(each["a"], each["b"], each["passed"]) for each in found["results"]] == [
        ("a.jsonl", "b.jsonl", True),
        ("a.jsonl", "c.jsonl", True),
    ]
    first, second = (each["p_value"] for each in found["results"])
    assert [each["adjusted_p"] for each in found["results"]] == pytest.approx([first, 2 * second])


def test_names_in_files_cannot_steer_a_terminal(ended, tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        for task in ("x\x1b[2J", run):
            path = tmp_path / run / f"samples_{task}_2026-01-01T00-00-00.1.jsonl"
            path.write_text('{"doc_id": 0, "acc": 1}')
    code, said, _ = ended("compare", "a", "b")
    assert code == 0 and "x\\x1b[2J: 1 item compared" in said and "\x1b" not in said
    assert "tasks that are not in all: a, b\n" in said


def test_players_are_ranked_with_intervals(ended, wrote):
    games = [("x", "y", "a")] * 30 + [("y", "x", "a")] * 10 + [("y", "z", "a")] * 9 + [("z", "y", "tie")] * 4
    wrote(
        "won.jsonl", *({"a": a, "b": b, "winner": winner} for a, b, winner in games), dict(a="x", b="z", winner=None)
    )
    code, said, _ = ended("rank", "won.jsonl")
    heading, *places = said.splitlines()
    assert code == 0 and heading == "53 games of 3 players, 4 ties; 1 undecided, left out"
    assert [place.split()[:2] for place in places] == [["1", "x"], ["2", "y"], ["3", "z"]]
    assert places[0].endswith("of 40 games; beats y: 75.0% [59.5%, 86.0%]"), "as log odds of two have it"
    _, said, _ = ended("rank", "won.jsonl", "--json")
    found = json.loads(said)
    assert [each["name"] for each in found["players"]] == ["x", "y", "z"] and found["games"] == 53
    assert sum(each["log_odds"] for each in found["players"]) == pytest.approx(0)


def test_what_cannot_be_compared_is_one_line(ended, wrote):
    wrote("a.jsonl", *marks("rrww"))
    wrote("far.jsonl", {"id": "x", "correct": 1})
    wrote("half.jsonl", {"id": 1, "correct": 0.5})
    wrote("won.jsonl", *[{"a": "x\n", "b": "y", "winner": "a"}] * 3)
    for typed, expected in (
        (["compare", "quickstart/base", "quickstart/3"], "quickstart/base: no such file of results; to compare"),
        (
            ["compare", "a.jsonl", "half.jsonl"],
            "half.jsonl: line 1: correct = 0.5: expected true, false, 1, 0 or null",
        ),
        (["compare", "a.jsonl", "far.jsonl"], "far.jsonl: none of its 1 items is one that is decided in a.jsonl"),
        (["compare", "a.jsonl", HARNESS[0], *ANY, "--metric", "correct"], "it has no task that a.jsonl has too"),
        (
            ["compare", "a.jsonl", "a.jsonl", "--metric", "f1"],
            "a.jsonl: line 1: no f1; it has id, correct: name the key",
        ),
        (
            ["compare", "a.jsonl", "a.jsonl", "--max-loss", "2"],
            "--max-loss = 2.0: expected a share above 0 and below 1",
        ),
        (["compare", *HARNESS], "several metrics; name one by --metric: exact_match,strict, exact_match,flexible"),
        (
            ["compare", "1", "2", "--on", "a.jsonl", "--max-loss", "0.1"],
            "--max-loss = 0.1: it is for files of results",
        ),
        (["compare", "1", "2", "3", "--on", "a.jsonl"], "MORE = 3: it is for files of results"),
        (
            ["rank", "won.jsonl"],
            "won.jsonl: nobody else ever won or tied against x\\n: how strong that is has no bound",
        ),
        (["rank", "a.jsonl"], "a.jsonl: row 1: a = null: expected a player's name"),
        (["rank", "gone.jsonl"], "gone.jsonl: no such file"),
    ):
        code, said, line = ended(*typed)
        assert (code, said) == (2, ""), (typed, line)
        assert expected in line and line == " ".join(line.split())
