"""A run that was stopped while another took its lineage over, and then goes on: it is refused and changes nothing."""

import hashlib
import os
import signal

import orjson
import pytest

from tasks.audit.examine import examine_store

from .killing import LINEAGE, MOMENTS, Victim
from .test_kills import SMALL, Played, start_warm, surroundings  # noqa: F401

POINTS = (
    ("collect", "at its end"), ("propose", "generating"), ("solve", "first shard"), ("solve", "a shard is whole"),
    ("vote", "voting"), ("validate", "Great Expectations"), ("evaluate", "base"), ("train", "loading"),
    ("train", "a step is whole"), ("train", "the candidate is kept"), ("evaluate", "candidate"),
    ("publish", "scorecard"),
)  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory, start_warm, quickstart, written_recipe):  # noqa: F811
    folder = tmp_path_factory.mktemp("late")
    return Played(start_warm, written_recipe(folder, quickstart, LINEAGE, **SMALL))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", POINTS, ids=" ".join)
def test_a_run_that_is_stopped_and_goes_on_when_another_has_taken_over_changes_nothing(played, tmp_path, point):
    (moment,) = [m for m in MOMENTS if (m.stage, m.phase) == point]
    for number in range(9):  # publishing takes milliseconds
        store = tmp_path / f"store{number}"
        late = Victim(played.start, played.path, store, surroundings())
        assert late.wait_for(moment)
        os.killpg(late.process.pid, signal.SIGSTOP)
        if not (late.round / "manifest.json").exists():
            break
        os.killpg(late.process.pid, signal.SIGKILL)
    try:
        _taken_for_dead(late)
        played.finish(store)
        before = _contents(store)
    finally:
        os.killpg(late.process.pid, signal.SIGCONT)
    assert late.process.wait() == 3
    said = store.with_suffix(".log").read_text().splitlines()
    assert [line for line in said if "took the lineage over" in line and "this run published nothing" in line]
    assert _contents(store) == before
    assert examine_store(store).damage == ()
    played.check(store)


def _taken_for_dead(late):
    """The next writer takes the number of its process for another one's: it need not wait for half a minute."""
    (epoch,) = late.lock.glob("*.json")
    epoch.write_bytes(orjson.dumps(orjson.loads(epoch.read_bytes()) | {"pid_started": "1"}))


def _contents(store):
    """Every file but those of the late writer's own heart, caches, and what it held in its hands, which gc takes."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in store.rglob("*")
        if path.is_file() and not {"lock", "cache"} & {*path.parts} and path.suffix != ".draft"
    }
