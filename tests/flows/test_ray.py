"""A round over a real Ray cluster of two nodes on this machine, beside the same round played here."""

import sys
import threading
import time

import pytest

from flows.console import Console
from flows.nightly import nightly
from flows.run import run_recipe
from schemas.errors import BadInput, Stopped
from schemas.tables import TABLES
from tasks import vote
from tasks.cluster import leave
from tasks.engines import ray as engines
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table
from tasks.training.weights import load_tokenizer

from ..conftest import TINY
from ..families import are_read, reading
from .test_rounds import digests

SHARDS = {
    "engine__batch_rows": 32,
    "solve__num_samples": 8,
    "solve__questions_per_shard": 8,
    "solve__early_stopping": True,
    "evaluate__items_per_shard": 50,
}
RAY = {"executor__kind": "ray", "executor__workers": 2}


@pytest.fixture
def cluster(monkeypatch):
    """A head without cores, and two nodes with one each; all of it on loopback."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray import cluster_utils

    monkeypatch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)  # for what imported it before
    head = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    cluster.nodes = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1") for _ in range(2)]
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_a_node_lost_in_the_middle_of_a_stage_costs_no_row(
    cluster, tmp_path, write_recipe, monkeypatch, request, capfd
):
    monkeypatch.setattr(vote, "QUESTIONS_PER_SHARD", 16)
    here, there = tmp_path / "here", tmp_path / "there"
    (local,) = run_recipe(write_recipe(**SHARDS), here, None, Console(to_stderr=True))

    at_the_loss, lost = [], []
    answered = engines.ClusterEngine._answered

    def watched(*of):
        found = answered(*of)
        lost.extend([of] if found is None else [])
        return found

    monkeypatch.setattr(engines.ClusterEngine, "_answered", watched)

    def lose_a_node():
        while len(parts := [*there.glob("small/round-0001/attempts/*/part-*")]) < 2:
            time.sleep(0.02)
        cluster.remove_node(cluster.nodes[0], allow_graceful=False)
        at_the_loss.append(len(parts))

    loss = threading.Thread(target=lose_a_node, daemon=True)
    loss.start()
    recipe = write_recipe(**SHARDS, **RAY, executor__address=cluster.address)
    began = time.monotonic()
    (spread,) = run_recipe(recipe, there, None, Console(to_stderr=True))
    seconds = time.monotonic() - began
    loss.join(10)

    shards = len([*there.glob("small/round-0001/attempts/*/part-*")])
    assert 0 < at_the_loss[0] < shards
    assert lost  # with a batch under way
    assert "raylet" not in capfd.readouterr().out  # Ray would print the lost node's log
    assert spread.stages == local.stages  # no key knows where a shard was worked on
    assert digests(spread) == digests(local)
    assert (spread.candidate, spread.decision, spread.scores) == (local.candidate, local.decision, local.scores)
    rows = sum(ref.rows for refs in spread.tables.values() for ref in refs)
    request.node.user_properties.append(
        ("shown", f"ray: a node lost after {at_the_loss[0]} of {shards} shards of solve; {rows} rows as here, "
                  f"in {len(spread.tables)} tables; {seconds:.0f} s")
    )  # fmt: skip


@pytest.mark.slow
def test_the_tokens_that_a_cluster_sampled_are_those_of_here_and_are_trained_on(tmp_path, write_recipe, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    here, there = tmp_path / "here", tmp_path / "there"
    run_recipe(write_recipe(), here, 1, Console(to_stderr=True))
    with reading() as read:
        run_recipe(write_recipe(**RAY, executor__address="local"), there, 1, Console(to_stderr=True))
    leave()

    def rows(store, name):
        lineage = open_lineage(store, "small")
        (ref,) = lineage.manifests[0].tables[name]
        return read_table(lineage.folder, ref, TABLES[ref.table]).to_pylist()

    sampled = {row["id"]: row["token_ids"] for row in rows(there, "attempts")}
    assert all(sampled.values()) and sampled == {row["id"]: row["token_ids"] for row in rows(here, "attempts")}
    examples = rows(there, "sft_examples")
    assert [row["completion_ids"] for row in examples] == [sampled[row["attempt_id"]] for row in examples]
    tokenizer = load_tokenizer(TINY)
    wanted = [(*tokenizer(row["prompt"])["input_ids"], *row["completion_ids"]) for row in examples]
    assert are_read(wanted, read) == len(wanted) > 20, "each in the steps' 256 rows"
    assert all(are_read(wanted, {row}) for row in read), "and nothing else"


@pytest.mark.slow
def test_a_cluster_without_a_place_for_an_engine_is_named_and_what_was_asked_of_it(
    cluster, tmp_path, write_recipe, monkeypatch
):
    monkeypatch.setattr(engines, "PLACE_SECONDS", 2.0)
    recipe = write_recipe(**RAY, executor__address=cluster.address, executor__cpus=3)
    with pytest.raises(Stopped, match=r"has 2 CPU \(an engine takes 3 of one node\).*no engine found a place"):
        nightly(str(recipe), str(tmp_path / "store"))


def test_ray_that_is_not_installed_is_named_before_anything_is_written(tmp_path, write_recipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"executor.kind = 'ray': Ray is not installed; type: .*pip install"):
        run_recipe(write_recipe(**RAY), tmp_path / "store", None, Console(to_stderr=True))
    assert not (tmp_path / "store").exists()
