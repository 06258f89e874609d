"""A night as it is deployed: a real Prefect server, a process worker, a cron, a kill in the middle, and what follows.

Once with SQLite behind the server, once with PostgreSQL (Debian's, a private cluster on a free port).
"""

import time
from datetime import datetime

import pytest

from flows import services
from tasks.store.lineage import open_lineage

from .night import (
    SECRET,
    Receiver,
    Server,
    deployments,
    free_port,
    is_crashed,
    kill_worker_and_run,
    left_over,
    parts,
    postgres,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
EVERY_MINUTE = "* * * * *"


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, monkeypatch):
    if request.param == "sqlite":
        yield "sqlite"
        return
    with postgres() as url:
        monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)
        yield "postgres"


def seconds_between(earlier, later):
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_a_night_that_is_killed_is_found_crashed_and_the_next_one_ends_its_round(
    tmp_path, services_home, database, receiver, write_recipe
):
    store = tmp_path / "store"
    recipe = write_recipe(solve__questions_per_shard=4, gate__level=1e-12)  # so many shards; a gate that holds
    file = deployments(tmp_path, recipe, store, EVERY_MINUTE)
    began = time.monotonic()
    services.up(free_port(), None, receiver.url, print, file)
    print(f"{time.monotonic() - began:6.1f} s  up")
    server, state = Server(services._read()), services._read()

    (first,) = until("a scheduled run began", lambda: [r for r in server.runs() if r["state_type"] == "RUNNING"], 180)
    assert first["auto_scheduled"] and "auto-scheduled" in first["tags"]
    until("it is in the middle of a stage", lambda: len(parts(store)) >= 3, 300)
    kill_worker_and_run()
    killed = time.monotonic()
    whole = {path: path.stat().st_mtime_ns for path in parts(store)}
    assert not (store / "small/round-0001/manifest.json").exists()
    services._start_worker(services._read())

    crashed = until("the run is crashed", lambda: is_crashed(server.run(first["id"])), 240)
    print(f"{time.monotonic() - killed:6.1f} s  from the kill to the crash")
    assert "No heartbeat for 70 seconds" in crashed["state"]["message"]
    skipped = [run for run in server.runs() if run["state_type"] == "CANCELLED"]
    assert all(run["state"]["message"] == "Deployment concurrency limit reached." for run in skipped)

    following = until("the next run began", lambda: began_after(server, crashed), 180)
    waited = seconds_between(crashed["state"]["timestamp"], following["start_time"])
    print(f"{waited:6.1f} s  from the crash to the next run; {len(skipped)} skipped while the slot was taken")
    manifest = until("the round is published", lambda: published(store), 420)
    assert manifest.decision == "held"
    assert {path: path.stat().st_mtime_ns for path in whole} == whole, "what was whole was not made again"
    until("that run is completed", lambda: server.run(following["id"])["state_type"] == "COMPLETED", 60)

    told = until("the webhook for the round", lambda: receiver.of(event="selfplay.round.published"), 60)[0]
    assert (told["recipe"], told["round"], told["decision"]) == ("small", 1, "held")
    assert told["reason"] == manifest.reason

    damage(store)
    audit = server.start("weekly-audit")
    failed = until("the webhook for a run that failed", lambda: receiver.of(flow_run=audit["name"]), 120)[0]
    assert (failed["event"], failed["flow"], failed["deployment"]) == (
        "prefect.flow-run.Failed",
        "audit",
        "weekly-audit",
    )
    rung = until("the webhook for an alarm", lambda: receiver.of(event="selfplay.alarm"), 60)[0]
    assert (rung["alarm"], rung["subject"]) == ("damaged", str(store))
    assert "small/round-0001/questions" in rung["reason"]

    keys = {artifact["key"] for artifact in server.ask("artifacts/latest/filter", limit=200)}
    assert {"rounds-small", "decision-small-0001", "manifest-small-0001"} <= keys
    services.down(print)
    assert left_over(state) == []
    for path in (p for folder in (services_home, store) for p in folder.rglob("*") if p.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path


def damage(store):
    """One byte of a published file."""
    path = next(store.glob("small/round-0001/questions/*/part-0000.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def began_after(server, crashed):
    """The first run that got the slot since; those that came while it was taken are cancelled."""
    runs = [run for run in server.runs() if run["state_type"] != "CANCELLED" and run["id"] != crashed["id"]]
    return next((run for run in runs if run["start_time"]), None)


def published(store):
    manifests = open_lineage(store, "small").manifests
    return manifests[0] if manifests else None
