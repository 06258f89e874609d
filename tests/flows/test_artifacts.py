"""What the UI is given: by flows on a real server, and by nothing at all without one."""

import json
import os
import time

import httpx
import pytest

from flows import artifacts
from flows.artifacts import round_artifacts, show_markdown, stage_progress
from schemas.manifest import CheckpointRef, Manifest
from tasks.store.lineage import Lineage
from tasks.store.place import store_at


def manifest(reason="held: not shown to be better", number=1):
    base = CheckpointRef(digest="0" * 64)
    return Manifest(
        recipe="a_Recipe", round=number, method="serl", decision="held", reason=reason, parent=None, base=base,
        champion=base, candidate=None, fixed={}, stages={}, tables={}, dropped={}, inputs={},
        figures={"ask": {"asked": 7}}, trained_on={}, scores={}, gate=None, validation={}, seconds={"solve": 2.0},
        tokens={}, started="", finished="", versions={}, device="cpu", git="unknown", seed=1,
    )  # fmt: skip


def asked(kind, **filters):
    """Artifacts of a kind, oldest first: the server may know those of earlier sessions."""
    url = f"{os.environ['PREFECT_API_URL']}/artifacts/filter"
    answer = httpx.post(url, json=filters | {"sort": "CREATED_DESC"}, trust_env=False).json()
    return [artifact for artifact in reversed(answer) if artifact["type"] == kind]


@pytest.mark.slow
def test_a_round_leaves_a_table_its_decision_and_a_link_under_keys_that_prefect_takes(tmp_path, prefect_server):
    from prefect import flow

    manifests = (manifest(), manifest("<script>alert(1)</script>", number=2))
    lineage = Lineage(store_at(tmp_path), "a_Recipe", manifests)

    @flow
    def plays():
        began = time.monotonic()
        round_artifacts(lineage, manifests[1])
        return time.monotonic() - began

    assert plays() < 2.0
    table = asked("table", artifacts={"key": {"any_": ["rounds-a-recipe"]}})[-1]
    rows = json.loads(table["data"])
    assert [row["round"] for row in rows] == ["a_Recipe/2", "a_Recipe/1"]
    assert (rows[0]["decision"], rows[0]["ask asked"], rows[0]["seconds"]) == ("held", "7", "2")
    assert "script" not in table["data"]
    texts = {artifact["key"]: artifact["data"] for artifact in asked("markdown")}
    assert "<script" not in texts["decision-a-recipe-0002"]
    assert f"(<file://{tmp_path}/a_Recipe/round-0002/manifest.json>)" in texts["manifest-a-recipe-0002"]


def test_a_stages_progress_is_shown_from_its_third_second_on_and_ends_where_the_stage_ends(
    prefect_server, monkeypatch
):
    from prefect import flow, task

    monkeypatch.setattr(artifacts, "EVERY_SECONDS", 0.2)

    @task
    def stage(shown, seconds):
        with stage_progress(shown) as report:
            for done in range(11):
                report(done, 10, "answers")
                time.sleep(seconds / 10)

    @flow
    def plays():
        stage("evaluate.Short", 0.0)
        stage("evaluate.Long", 1.0)

    plays()
    shown = {artifact["key"]: artifact for artifact in asked("progress")}
    assert "progress-evaluate-short" not in shown
    long = shown["progress-evaluate-long"]
    assert (long["data"], long["description"]) == (100.0, "10 of 10 answers")
    assert long["task_run_id"] and long["flow_run_id"]


def test_reporting_costs_a_stage_next_to_nothing_and_without_a_flow_shows_nothing():
    with stage_progress("solve") as report:
        began = time.monotonic()
        for done in range(100_000):
            report(done, 100_000, "attempts")
        assert time.monotonic() - began < 0.5
    show_markdown("nobody", "listens", "")


def test_an_orchestrator_that_fails_or_hangs_reaches_no_stage_and_no_round(monkeypatch):
    def fails(create):
        raise ConnectionError("gone")

    monkeypatch.setattr(artifacts, "_creator", lambda: lambda *_: None)
    monkeypatch.setattr(artifacts, "LAST_SECONDS", 0.3)
    for show in (fails, lambda create: time.sleep(60)):
        began = time.monotonic()
        artifacts._in_the_background(show)
        assert time.monotonic() - began < 1.0


def test_a_stage_that_raises_still_raises_its_own_error():
    with pytest.raises(ZeroDivisionError), stage_progress("solve") as report:
        report(1, 2, "x")
        raise ZeroDivisionError
