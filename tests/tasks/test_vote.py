import json
import time
from pathlib import Path

import pytest

from schemas.attempts import ATTEMPTS
from schemas.inputs import PROBE
from schemas.settings import Vote
from tasks.vote import vote


def attempts(question, answers, **changes):
    return [
        {
            "id": f"{question}-{i}",
            "question_id": question,
            "sample": i,
            "prompt": "the prompt says #99",
            "num_tokens": 3,
            "num_planned": len(answers),
        }
        | {"text": f"so\n#{answer}" if answer is not None else "no idea", "finish_reason": "stop", "checkpoint": "c"}
        | changes
        for i, answer in enumerate(answers)
    ]


@pytest.fixture
def play(draft, given, recipe):
    def run(rows, probe=(), **changes):
        figures = vote(
            draft,
            settings=Vote(rule=changes.pop("rule", "classes")),
            checks=recipe.answers.model_copy(update=changes),
            attempts=given(ATTEMPTS, rows),
            probe=given(PROBE, [{"source_row": 0, "question": "?"} | row for row in probe]),
        )
        tables = {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}
        return figures, tables

    return run


def test_the_majority_is_the_label_and_agreeing_with_it_the_reward(play):
    _, tables = play(attempts("q", [7, 7, 7, 8]))
    (verdict,) = tables["verdicts"]
    assert (verdict["answer"], verdict["votes"], verdict["agreement"], verdict["tied"]) == ("7", 3, 0.75, False)
    assert [row["reward"] for row in sorted(tables["rewards"], key=lambda r: r["row_id"])] == [1, 1, 1, 0]


def test_truncated_and_unparsable_attempts_never_vote_and_both_rates_are_kept(play):
    cut_off = attempts("q", [8, 8, 8], finish_reason="length")
    rows = attempts("q", [7, 7, None]) + [row | {"id": f"c{i}", "sample": 3 + i} for i, row in enumerate(cut_off)]
    _, tables = play(rows)
    (verdict,) = tables["verdicts"]
    assert (verdict["answer"], verdict["num_valid"], verdict["num_attempts"]) == ("7", 2, 6)
    assert (verdict["agreement"], verdict["agreement_valid"]) == (pytest.approx(2 / 6), 1.0)
    assert sorted(filter(None, (row["invalid_reason"] for row in tables["answers"]))) == ["truncated"] * 3 + [
        "unparsable"
    ]


def test_a_tie_gives_no_verdict_and_no_reward(play):
    _, tables = play(attempts("q", [7, 7, 8, 8]))
    assert (tables["verdicts"][0]["answer"], tables["verdicts"][0]["tied"]) == (None, True)
    assert {row["reward"] for row in tables["rewards"]} == {None}


def test_all_different_answers_give_no_verdict(play):
    _, tables = play(attempts("q", [1, 2, 3, 4]))
    assert tables["verdicts"][0]["answer"] is None


def test_no_valid_answer_gives_no_verdict(play):
    figures, tables = play(attempts("q", [None, None]))
    assert (tables["verdicts"][0]["answer"], tables["verdicts"][0]["num_valid"]) == (None, 0)
    assert figures["unparsable"] == 1.0


def test_the_probe_only_measures_the_vote(play):
    rows = attempts("q", [5, 5]) + attempts("right", [7, 7]) + attempts("wrong", [7, 7]) + attempts("tied", [1, 2])
    probe = [{"id": "right", "reference": "7"}, {"id": "wrong", "reference": "8"}, {"id": "tied", "reference": "1"}]
    figures, tables = play(rows, probe)
    assert [row["question_id"] for row in tables["verdicts"]] == ["q"]
    assert {row["row_id"] for row in tables["rewards"]} == {"q-0", "q-1"}, "no reward could train on a probe row"
    assert {row["question_id"]: row["correct"] for row in tables["probe_verdicts"]} == {
        "right": True, "wrong": False, "tied": None
    }  # fmt: skip
    assert (figures["precision"]["accuracy"], figures["precision"]["n"]) == (0.5, 2)


def test_the_vote_is_blind_to_the_probes_truth(play, draft, given, recipe):
    rows = attempts("q", [5, 5, 6]) + attempts("p", [7, 7, 8])
    _, right = play(rows, [{"id": "p", "reference": "7"}])
    _, wrong = play(rows, [{"id": "p", "reference": "8"}])
    assert right["verdicts"] == wrong["verdicts"]
    assert right["answers"] == wrong["answers"]
    assert right["probe_verdicts"][0]["answer"] == wrong["probe_verdicts"][0]["answer"] == "7"


def test_equivalent_answers_vote_together_when_mathematics_is_asked_for(play):
    halves = attempts("q", ["\\boxed{\\frac{2}{4}}", "\\boxed{x^2+2x+1}", "\\boxed{(x+1)^2}"], text="")
    for row, text in zip(halves, ["\\boxed{9}", "\\boxed{x^2+2x+1}", "\\boxed{(x+1)^2}"], strict=True):
        row["text"] = text
    _, tables = play(halves, equivalence="math", pattern=None)
    assert tables["verdicts"][0]["votes"] == 2


def test_a_check_that_timed_out_gives_no_reward_rather_than_a_wrong_mark(play):
    rows = attempts("q", [7, 7, 8, "tower"])
    rows[3]["text"] = "\\boxed{9^{9^{9^{9}}}}"
    for row, answer in zip(rows[:3], (7, 7, 8), strict=True):
        row["text"] = f"\\boxed{{{answer}}}"
    figures, tables = play(rows, equivalence="math", pattern=None, timeout_seconds=1)
    assert [row["reward"] for row in sorted(tables["rewards"], key=lambda r: r["row_id"])] == [1, 1, 0, None]
    assert figures["undecided"] >= 1


def test_a_label_in_another_unit_is_right(play):
    rows = attempts("p", [None] * 3) + attempts("q", [None] * 4)
    said = ("50 cents", "50 cents", "$0.75", "1 hour", "60 minutes", "60 min", "2 hours")
    for row, answer in zip(rows, said, strict=True):
        row["text"] = f"\\boxed{{{answer}}}"
    probe = [{"id": "p", "reference": "\\$0.50"}, {"id": "q", "reference": "60"}]
    _, tables = play(rows, probe, equivalence="math", pattern=None)
    found = {row["question_id"]: (row["votes"], row["correct"]) for row in tables["probe_verdicts"]}
    assert found == {"p": (2, True), "q": (3, False)}, "one hour is not 60 of them"


@pytest.mark.slow
def test_hostile_attempts_cost_a_vote_their_timeouts_and_honest_attempts_nothing(play):
    lines = (Path(__file__).parent / "answers/hostile.jsonl").read_text().splitlines()
    rows = []
    for number, line in enumerate(lines):
        h = json.loads(line)
        text = h["head"] * h["times"] + h["middle"] + h["tail"] * h["times"] + h["end"]
        stored = text.encode("utf-8", "replace").decode()  # as an engine cleans it
        group = attempts(f"q{number:02d}", [None] * 5)
        for row, answer in zip(group, ("7", "7", "7", "8", stored), strict=True):
            row["text"] = f"so \\boxed{{{answer}}}"
        rows += group
    began = time.monotonic()
    _, tables = play(rows, equivalence="math", pattern=None, timeout_seconds=0.2)
    assert time.monotonic() - began < len(lines) * (0.2 + 1)
    assert {(v["answer"], v["votes"]) for v in tables["verdicts"]} == {("7", 3)}
    honest = [row["reward"] for row in tables["rewards"] if not row["row_id"].endswith("-4")]
    assert sorted(honest) == [0.0] * len(lines) + [1.0] * 3 * len(lines)
    assert {r["reward"] for r in tables["rewards"] if r["row_id"].endswith("-4")} <= {0.0, None}


def test_random_labels_are_of_an_attempt_and_the_same_in_a_rerun(play):
    rows = [row for i in range(60) for row in attempts(f"q{i}", [7, 7, 7, 8, 9])]
    verdicts = play(rows, rule="random")[1]["verdicts"]
    labels = {row["question_id"]: row["answer"] for row in verdicts}
    assert set(labels.values()) == {"7", "8", "9"}
    assert {row["agreement"] for row in verdicts} == {0.6}
    assert {row["question_id"]: row["answer"] for row in play(rows, rule="random")[1]["verdicts"]} == labels
