import pytest

from schemas.work import Work
from tasks.estimate.forecast import Played, StageCost, forecast

SOLVE = StageCost("solve", tokens=100, storage_bytes=1000, seconds=10.0)


def played(*costs, rows=10, name="small/1"):
    return Played(name, "cpu", {cost.stage: cost for cost in costs}, {cost.stage: Work(rows) for cost in costs})


def one(stage, rounds, rows=10.0, **flags):
    (found,) = forecast([StageCost(stage, **flags)], {stage: Work(rows, tokens=999, trained=99, bytes=9)}, rounds)
    return found


def test_a_stage_takes_what_it_took_times_the_ratio_of_rows():
    assert one("solve", [played(SOLVE)]) == SOLVE
    assert one("solve", [played(SOLVE)], rows=20) == StageCost("solve", tokens=200, storage_bytes=2000, seconds=20.0)


def test_the_newest_round_that_played_it_counts():
    older = StageCost("solve", tokens=7, seconds=1.0)
    assert one("solve", [played(older), played(SOLVE)]).tokens == 100
    assert one("solve", [played(SOLVE), played(StageCost("solve", reused=True, seconds=0.0))]).tokens == 100


def test_a_stage_under_a_new_label_takes_what_its_like_took():
    assert one("solve.gold", [played(SOLVE)], rows=5).seconds == pytest.approx(5.0)


def test_a_stage_that_nobody_played_takes_its_bound_and_no_time_is_told():
    assert one("judge", [played(SOLVE)]) == StageCost("judge", tokens=999, trained_tokens=99, storage_bytes=9)


def test_what_is_reused_takes_room_alone():
    assert one("solve", [played(SOLVE)], reused=True) == StageCost(
        "solve", reused=True, storage_bytes=1000, seconds=0.0
    )
    assert one("solve", [], reused=True) == StageCost("solve", reused=True, seconds=0.0)


def test_a_recipe_that_asked_for_nothing_then_gives_no_ratio():
    assert one("solve.gold", [played(SOLVE, rows=0)], rows=5).tokens == 100
