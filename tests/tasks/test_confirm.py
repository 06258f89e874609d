import pytest

from schemas.evaluations import EVALUATIONS
from schemas.manifest import ValidRows
from tasks.confirm import confirm

from .test_gate import rows


@pytest.fixture
def play(draft, given, recipe):
    def run(champion, candidate, **more):
        return confirm(
            draft,
            settings=recipe.gate.model_copy(update={"sealed": "sealed"}),
            champion=ValidRows(tables=(given(EVALUATIONS, rows("old", champion, benchmark="sealed")),)),
            candidate=ValidRows(tables=(given(EVALUATIONS, rows("new", candidate, benchmark="sealed")),)),
            **({"reason": "+1.0% on 9 items", "awaiting_approval": False, "reads": 3} | more),
        )

    return run


def test_a_gain_that_shows_on_the_sealed_benchmark_too_is_promoted_and_the_reading_counted(play):
    found = play([False] * 20 + [True] * 80, [True] * 100)
    assert (found["decision"], found["sealed"]["reads"], found["sealed"]["gained"]) == ("promoted", 3, 20)
    assert found["reason"].startswith("+1.0% on 9 items; confirmed by sealed, reading 3: +20.0% on 100 items")


def test_a_gain_that_does_not_show_there_is_held(play):
    found = play([True, False] * 50, [False, True] * 50, awaiting_approval=True)
    assert (found["decision"], found["awaiting_approval"]) == ("held", False)
    assert "; not confirmed by sealed, reading 3: +0.0% on 100 items" in found["reason"]


def test_sealed_answers_that_no_check_could_decide_earn_the_candidate_nothing(play):
    found = play([False] * 20 + [True] * 80, [None] * 20 + [True] * 80)
    assert (found["decision"], found["sealed"]["n"], found["sealed"]["gained"]) == ("held", 100, 0)


def test_what_awaits_approval_still_does(play):
    found = play([False] * 20 + [True] * 80, [True] * 100, awaiting_approval=True)
    assert (found["decision"], found["awaiting_approval"]) == ("held", True)
