import pytest

from schemas.dropped import DROPPED
from schemas.evaluations import EVALUATIONS
from tasks.gate import gate


def rows(checkpoint, marks, greedy=True, benchmark="sums"):
    return [
        {"id": f"{checkpoint}-{benchmark}-{greedy}-{i}", "benchmark": benchmark, "item_id": f"i{i}", "greedy": greedy}
        | {"checkpoint": checkpoint, "sample": 0, "text": "", "answer": "", "reference": "", "correct": mark}
        | {"num_tokens": 1, "finish_reason": "stop"}
        for i, mark in enumerate(marks)
    ]


@pytest.fixture
def play(draft, given, recipe):
    def run(champion, candidate, alarms=(), **changes):
        return gate(
            draft,
            settings=recipe.gate.model_copy(update=changes),
            champion=given(EVALUATIONS, rows("old", champion)),
            candidate=given(EVALUATIONS, rows("new", candidate)),
            invalid=given(DROPPED, []),
            alarms=alarms,
        )

    return run


@pytest.mark.parametrize("test", ["mcnemar", "bootstrap"])
def test_a_candidate_shown_to_be_better_is_promoted(play, test):
    result = play([False] * 10 + [True] * 90, [True] * 100, test=test)
    assert (result["decision"], result["gained"], result["lost"]) == ("promoted", 10, 0)
    assert result["difference"] == pytest.approx(0.1)
    assert result["low"] > 0


@pytest.mark.parametrize("test", ["mcnemar", "bootstrap"])
def test_a_candidate_that_may_be_luck_is_held_with_the_reason(play, test):
    result = play([False] * 3 + [True] * 2, [True] * 3 + [False] * 2, test=test)
    assert result["decision"] == "held"
    assert "not shown to be better" in result["reason"]
    assert "p above the level" in result["reason"]


@pytest.mark.parametrize("test", ["mcnemar", "bootstrap"])
def test_a_worse_or_equal_candidate_is_held(play, test):
    assert play([True] * 50, [False] * 50, test=test)["decision"] == "held"
    assert play([True, False] * 25, [True, False] * 25, test=test)["decision"] == "held"


def test_a_gain_below_the_smallest_worth_a_promotion_is_held(play):
    result = play([False] * 10 + [True] * 90, [True] * 100, min_gain=0.2)
    assert (result["decision"], "gain below the 0.2" in result["reason"]) == ("held", True)


def test_undecided_and_invalid_items_sampled_answers_and_other_benchmarks_do_not_count(draft, given, recipe):
    old = (
        rows("old", [False, None, True, False])
        + rows("old", [False] * 9, greedy=False)
        + rows("old", [False], benchmark="b")
    )
    new = (
        rows("new", [True, True, None, True])
        + rows("new", [True] * 9, greedy=False)
        + rows("new", [True], benchmark="b")
    )
    dropped = {
        "table": "evaluations",
        "stage": "validate",
        "reason": "r",
        "figure": None,
        "threshold": None,
        "text": None,
    }
    result = gate(
        draft,
        settings=recipe.gate,
        champion=given(EVALUATIONS, old),
        candidate=given(EVALUATIONS, new),
        invalid=given(DROPPED, [{"id": "new-sums-True-3"} | dropped]),
        alarms=[],
    )
    assert (result["n"], result["gained"]) == (1, 1)


def test_a_better_candidate_is_held_by_an_alarm_until_someone_approves_it(play):
    better = [False] * 10 + [True] * 90, [True] * 100
    result = play(*better, alarms=["same_answer: attempts that give one answer: 97.0%, above 50%"])
    assert (result["decision"], result["awaiting_approval"]) == ("held", True)
    assert result["reason"].startswith(
        "better, held by same_answer: attempts that give one answer: 97.0%, above 50%; "
    )
    assert "awaiting approval: +10.0% on 100 items" in result["reason"]


def test_an_alarm_gives_a_candidate_that_is_not_better_nothing_to_approve(play):
    result = play([True] * 50, [False] * 50, alarms=["same_answer: x"])
    assert (result["decision"], result["awaiting_approval"]) == ("held", False)
    assert result["reason"].startswith("not shown to be better")
