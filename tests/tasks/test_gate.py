import pytest

from schemas.dropped import DROPPED
from schemas.evaluations import EVALUATIONS
from schemas.gate import Guard
from schemas.manifest import ValidRows
from schemas.verdicts import PROBE_VERDICTS
from tasks.gate import gate


def rows(checkpoint, marks, greedy=True, benchmark="sums"):
    return [
        {"id": f"{checkpoint}-{benchmark}-{greedy}-{i}", "benchmark": benchmark, "item_id": f"i{i}", "greedy": greedy}
        | {"checkpoint": checkpoint, "sample": 0, "text": "", "answer": "", "reference": "", "correct": mark}
        | {"num_tokens": 1, "finish_reason": "stop"}
        for i, mark in enumerate(marks)
    ]


def probed(marks):
    return [
        {"id": f"probe_verdicts-{i}", "question_id": f"probe-{i}", "answer": "1", "votes": 4, "num_attempts": 4}
        | {"num_planned": 4, "num_valid": 4, "agreement": 1.0, "agreement_valid": 1.0, "classes": []}
        | {"tied": False, "undecided": 0, "correct": mark, "reference": "1"}
        for i, mark in enumerate(marks)
    ]


@pytest.fixture
def play(draft, given, recipe):
    def valid(rows):
        return ValidRows(tables=(given(EVALUATIONS, rows),))

    def run(champion, candidate, alarms=(), guard=((), ()), probe=(True,), base=None, **changes):
        """`base`: its marks on the guard, where it is not the champion any more."""
        old = valid(rows("old", champion) + rows("old", guard[0], benchmark="guard"))
        new = rows("new", candidate) + rows("new", guard[1], benchmark="guard")
        return gate(
            draft,
            settings=recipe.gate.model_copy(update=changes),
            base=old if base is None else valid(rows("first", base, benchmark="guard")),
            champion=old,
            candidate=valid(new),
            alarms=alarms,
            probe_verdicts=(given(PROBE_VERDICTS, probed(probe)),),
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
    assert "p above level = 0.05; " in result["reason"]


@pytest.mark.parametrize("test", ["mcnemar", "bootstrap"])
def test_a_worse_or_equal_candidate_is_held(play, test):
    assert play([True] * 50, [False] * 50, test=test)["decision"] == "held"
    assert play([True, False] * 25, [True, False] * 25, test=test)["decision"] == "held"


def test_a_gain_below_the_smallest_worth_a_promotion_is_held(play):
    result = play([False] * 10 + [True] * 90, [True] * 100, min_gain=0.2)
    assert (result["decision"], "; a gain below min_gain = 20.0%" in result["reason"]) == ("held", True)


def test_an_answer_that_no_check_could_decide_earns_the_candidate_nothing(play):
    assert play([False] * 10 + [True] * 90, [None] * 10 + [True] * 90)["gained"] == 0
    result = play(
        *BETTER, guard=([True] * 400, [True] * 380 + [None] * 20), guards=(Guard(benchmark="guard", max_loss=0.05),)
    )
    assert (result["decision"], result["guards"][0]["lost"]) == ("held", 20), "left out, they would hide the loss"
    result = play([None] * 10 + [True] * 90, [True] * 100)
    assert (result["n"], result["gained"]) == (90, 0), "the champion's are left out"


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
    champion = ValidRows(tables=(given(EVALUATIONS, old),))
    result = gate(
        draft,
        settings=recipe.gate,
        base=champion,
        champion=champion,
        candidate=ValidRows(
            tables=(given(EVALUATIONS, new),), dropped=(given(DROPPED, [{"id": "new-sums-True-3"} | dropped]),)
        ),
        alarms=[],
        probe_verdicts=(given(PROBE_VERDICTS, []),),
    )
    assert (result["n"], result["gained"], result["lost"]) == (2, 1, 1)


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


BETTER = [False] * 30 + [True] * 170, [True] * 200


def test_a_held_round_says_what_gain_so_many_items_could_have_shown(play):
    result = play([False, True] * 100, [True, False] * 9 + [False, True] * 91)
    assert result["decision"] == "held"
    assert f"so many items could have shown {result['detectable_gain']:+.1%}" in result["reason"]
    assert 0 < result["detectable_gain"] < 0.1
    result = play([False] * 2 + [True] * 2, [True] * 2 + [True] * 2)
    assert (result["decision"], result["detectable_gain"]) == ("held", 1.0)
    assert "too few items to show any gain" in result["reason"]


def test_a_guard_that_may_have_lost_holds_a_better_candidate_and_one_that_has_not_does_not(play):
    guards = (Guard(benchmark="guard", max_loss=0.05),)
    kept = play(*BETTER, guard=([True] * 400, [True] * 398 + [False] * 2), guards=guards)
    assert (kept["decision"], kept["guards"][0]["passed"]) == ("promoted", True)
    lost = play(*BETTER, guard=([True] * 400, [True] * 380 + [False] * 20), guards=guards)
    assert (lost["decision"], lost["guards"][0]["passed"]) == ("held", False)
    assert lost["reason"].startswith("better, but held: +15.0% on 200 items")
    assert "a loss of 5.0% on guard is not ruled out: -5.0% on 400 items" in lost["reason"]
    unknown = play(*BETTER, guards=guards)
    assert (unknown["decision"], unknown["guards"][0]["p_value"]) == ("held", 1.0), "no items rule nothing out"


def test_what_champions_lost_by_and_by_holds_a_candidate_that_lost_no_more_than_the_last(play):
    guards = (Guard(benchmark="guard", max_loss=0.05),)
    champion, candidate = [True] * 380 + [False] * 20, [True] * 378 + [False] * 22
    first = play(*BETTER, guard=(champion, candidate), guards=guards)
    assert (first["decision"], [guard["against"] for guard in first["guards"]]) == ("promoted", ["champion"])
    later = play(*BETTER, guard=(champion, candidate), base=[True] * 400, guards=guards)
    found = [(guard["against"], guard["lost"], guard["passed"]) for guard in later["guards"]]
    assert (later["decision"], found) == ("held", [("champion", 2, True), ("base", 22, False)])
    assert "; a loss of 5.0% on guard against the base is not ruled out: -5.5% on 400 items" in later["reason"]


def test_a_vote_that_may_be_too_often_wrong_holds_a_better_candidate(play):
    assert play(*BETTER, probe=[True] * 90 + [False] * 10, min_vote_precision=0.8)["decision"] == "promoted"
    held = play(*BETTER, probe=[True] * 9 + [False], min_vote_precision=0.8)
    assert (held["decision"], held["awaiting_approval"]) == ("held", False)
    assert "the vote's precision on the probe may be 59.6%, 80.0% wanted" in held["reason"]
    assert play(*BETTER, probe=[], min_vote_precision=0.1)["decision"] == "held"
    assert play(*BETTER, probe=[])["decision"] == "promoted", "without a bound it is not asked"
