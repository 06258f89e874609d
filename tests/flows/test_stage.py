"""What is around a stage: its marker, its tries, and what of a draft is made again."""

import errno
from pathlib import Path

import pytest

from flows.console import Console
from flows.round import Round
from flows.stage import Spending, Stages
from schemas.errors import Stopped
from schemas.train_steps import TRAIN_STEPS
from tasks.store.lineage import Lineage
from tasks.store.lock import hold

SHARDS = 4


@pytest.fixture
def play(tmp_path, recipe):
    """Play one stage in a draft of round 1; its record."""
    lineage = Lineage(tmp_path, "small", ())

    def played(stage, **inputs):
        with hold(lineage.folder, "run") as lock:
            player = Stages(Console(to_stderr=True), Spending(recipe.budget), lock)
            round = Round(recipe, Path("."), None, lineage, 1, None, None, player)
            return round.play(stage, **inputs)

    return played


def rows(draft, shard):
    row = dict.fromkeys(TRAIN_STEPS.schema.names) | {"id": draft.row_id(TRAIN_STEPS, shard), "method": "sft"}
    return [row | {"step": shard, "loss": 1.0, "learning_rate": 1e-3}]


class Trouble:
    """A stage input that raises, so many times, in the middle of a stage."""

    def __init__(self, error, times):
        self.error, self.left, self.made = error, times, []


def troubled(trouble):
    def stage(draft):
        def make(shard):
            if shard == 2 and trouble.left:
                trouble.left -= 1
                raise trouble.error
            trouble.made.append(shard)
            return rows(draft, shard)

        for shard in range(SHARDS):
            draft.part(TRAIN_STEPS, shard, lambda shard=shard: make(shard), SHARDS)
        return {}

    return stage


def test_a_fault_of_the_world_that_passes_is_tried_again_from_the_shard_it_hit(play):
    trouble = Trouble(OSError(errno.EIO, "Input/output error"), 1)
    record = play(troubled(trouble))
    assert trouble.made == [0, 1, 2, 3]
    assert record.tables["train_steps"].rows == SHARDS


def test_a_fault_that_stays_ends_the_run_with_itself(play, monkeypatch):
    monkeypatch.setattr("flows.stage.WAITS", (0.0, 0.0))
    trouble = Trouble(OSError(errno.ENOSPC, "No space left on device"), 10)
    with pytest.raises(OSError, match="No space left"):
        play(troubled(trouble))
    assert trouble.left == 7, "two more tries"


@pytest.mark.parametrize("error", [Stopped("the server is gone"), ZeroDivisionError("a fault of ours")])
def test_what_is_named_already_or_our_own_fault_is_not_tried_again(play, error):
    trouble = Trouble(error, 10)
    with pytest.raises(type(error)):
        play(troubled(trouble))
    assert trouble.left == 9
