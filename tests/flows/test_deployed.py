"""A round with a user's Prefect server, and with one that goes away."""

import httpx
import pytest

from flows.console import Console
from flows.run import run_recipe

from .faults import rows, wait_for
from .serving import serving_prefect


def asked(url, what):
    return httpx.post(f"{url}/{what}/filter", json={}, trust_env=False).json()


@pytest.mark.slow
def test_on_a_users_server_a_round_is_a_flow_with_a_task_a_stage_and_its_rows_are_the_same(
    prefect_server, tmp_path, write_recipe, monkeypatch
):
    (manifest,) = run_recipe(write_recipe(), tmp_path / "served", 1, Console(to_stderr=True))
    runs = asked(prefect_server, "flow_runs")
    (run,) = (run for run in runs if run["parameters"].get("store") == str(tmp_path / "served"))
    assert run["state_type"] == "COMPLETED"
    played = [task for task in asked(prefect_server, "task_runs") if task["flow_run_id"] == run["id"]]
    assert {task["name"] for task in played} == manifest.stages.keys()
    assert {task["state_type"] for task in played} == {"COMPLETED"}
    keys = {artifact["key"] for artifact in asked(prefect_server, "artifacts")}
    assert {"rounds-small", "decision-small-0001", "manifest-small-0001"} <= keys
    monkeypatch.delenv("PREFECT_API_URL")
    run_recipe(write_recipe(), tmp_path / "bare", 1, Console(to_stderr=True))
    assert rows(tmp_path / "served") == rows(tmp_path / "bare")


@pytest.mark.slow
def test_a_users_prefect_server_that_goes_away_ends_the_run_with_one_line(tmp_path, write_recipe, started):
    store = tmp_path / "store"
    with serving_prefect(tmp_path) as (url, server):
        process = started(write_recipe(), store, env={"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "1"})
        wait_for(store / "small/round-0001/stages/train-*", process)
        server.kill()
        _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors.count("\n")) == (4, 1), errors
    assert f"Prefect's server at {url}: ConnectError" in errors
    assert "published stay" in errors
