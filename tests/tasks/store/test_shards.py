"""Shards of a stage: in order whatever ends first, whole ones kept whatever fails."""

import threading
import time

import pytest

from schemas.attempts import ATTEMPTS
from schemas.errors import BudgetSpent, Stopped
from tasks.store.shards import each_shard

SHARDS = [f"question {n}" for n in range(6)]


@pytest.fixture
def play(draft):
    """Each shard has one row. `made` has the shards in the order in which they were begun, each with its thread."""
    made = []
    before = {}

    def make(shard, progress):
        made.append((shard, threading.current_thread()))
        before.get(shard, lambda: None)()
        progress(1)
        row = {"id": draft.row_id(ATTEMPTS, shard), "question_id": shard, "sample": 0, "num_planned": 1}
        row |= {"prompt": shard, "text": "", "num_tokens": 5, "finish_reason": "stop", "checkpoint": "c"}
        return ([row],)

    def shards(workers):
        return each_shard(draft, (ATTEMPTS,), SHARDS, make, size=lambda shard: 1, unit="rows", workers=workers)

    def rows(workers):
        return [row["question_id"] for (rows,) in shards(workers) for row in rows]

    rows.made, rows.before, rows.shards = made, before, shards
    return rows


def written(draft):
    return sorted(path.name for path in (draft.folder / "attempts" / draft.key).glob("part-*"))


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_rows_come_in_the_order_of_the_shards(draft, play, workers):
    reports = []
    draft.report = lambda *told: reports.append(told)
    if workers > 1:  # the first two wait for the third
        third = threading.Event()
        play.before |= dict.fromkeys(SHARDS[:2], lambda: third.wait(10)) | {SHARDS[2]: third.set}
    assert play(workers) == SHARDS
    assert draft.tokens == 30
    assert reports[-1] == (6, 6, "rows")
    assert [done for done, _, _ in reports] == sorted(done for done, _, _ in reports)


def test_one_worker_is_this_thread(play):
    play(1)
    assert {thread for _, thread in play.made} == {threading.current_thread()}


def test_several_are_made_at_once_and_written_by_this_thread(draft, play):
    together = threading.Barrier(3, timeout=10)
    play.before |= dict.fromkeys(SHARDS, together.wait)
    handed = []
    draft.hand_over = lambda rows: handed.append((rows[0]["question_id"], threading.current_thread()))
    assert play(3) == SHARDS
    assert sorted(shard for shard, _ in handed) == SHARDS
    assert {thread for _, thread in handed} == {threading.current_thread()}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failing_shard_leaves_the_whole_ones_and_the_next_run_makes_the_rest(draft, play, workers):
    failed = threading.Event()

    def fail():
        failed.set()
        raise Stopped("no engine")

    play.before |= {SHARDS[1]: fail, SHARDS[2]: lambda: failed.wait(10)}
    with pytest.raises(Stopped, match="no engine"):
        play(workers)
    left = written(draft)
    # what was under way beside it is finished and kept
    assert left == (["part-0000.parquet"] if workers == 1 else ["part-0000.parquet", "part-0002.parquet"])
    del play.made[:], play.before[SHARDS[1]]
    resumed, draft.tokens, draft.resumed, draft._found_parts = [], 0, lambda place: resumed.append(place), 0
    assert play(workers) == SHARDS
    assert sorted(shard for shard, _ in play.made) == sorted({*SHARDS} - {SHARDS[int(name[5:9])] for name in left})
    assert resumed == ["shard 2 of 6"]
    assert draft.tokens == 30


def test_a_spent_budget_keeps_what_was_under_way(draft, play):
    draft.spend = lambda tokens: spent.append(tokens)
    spent = []

    def go_on():
        if len(play.made) >= 4:
            raise BudgetSpent("enough")

    draft.go_on = go_on
    with pytest.raises(BudgetSpent):
        play(2)
    assert written(draft) == [f"part-{n:04d}.parquet" for n in range(len(play.made))]
    assert sum(spent) == draft.tokens == 5 * len(play.made)


def test_whoever_leaves_early_does_not_wait_for_the_others(draft, play):
    gone, began = threading.Event(), time.monotonic()
    play.before |= dict.fromkeys(SHARDS[1:], lambda: gone.wait(10))
    shards = play.shards(2)
    next(shards)
    shards.close()
    assert time.monotonic() - began < 5
    gone.set()
    assert written(draft) == ["part-0000.parquet"]
