"""What a stage's key is made of, on a cluster too: Ray is installed for `make test-slow`."""

import pytest

from flows.keyed import keyed
from flows.plan import Planner, next_round
from flows.preflight import preflight
from schemas.manifest import CheckpointRef
from tasks.solve import solve
from tasks.store.lineage import open_lineage
from tasks.train import train

MODEL = CheckpointRef(digest="a" * 64)


@pytest.fixture
def facts_and_key(tmp_path, write_recipe):
    def of(stage, **changes):
        plan = preflight(write_recipe(**changes), tmp_path / "store")
        round = next_round(plan, open_lineage(tmp_path / "store", "small"), Planner())
        engine = {"engine": round.recipe.engine} if stage is solve else {}
        found = keyed(round, stage, {"settings": round.recipe.solve, "model": MODEL, **engine})
        return found.facts["device"], found.key

    return of


@pytest.mark.slow
def test_where_shards_are_worked_on_is_in_no_key(facts_and_key):
    here = facts_and_key(solve)
    few = facts_and_key(solve, executor__kind="ray", executor__workers=2, executor__address="local")
    many = facts_and_key(solve, executor__kind="ray", executor__workers=64, executor__cpus=8)
    assert few == many == ("cpu", few[1])
    if here[0] == "cpu":
        assert here == few


@pytest.mark.slow
def test_what_the_workers_compute_on_is_and_is_theirs_alone(facts_and_key):
    ray = {"executor__kind": "ray", "executor__workers": 2}
    on_gpus = facts_and_key(solve, **ray, executor__gpus=1)
    assert on_gpus[0] == "cuda" and on_gpus[1] != facts_and_key(solve, **ray)[1]
    assert facts_and_key(train, **ray, executor__gpus=1) == facts_and_key(train)
