"""The audit as a flow on a real server, and what they tell the outside."""

import os
import shutil
import time

import httpx
import pytest

from flows.audit import audit
from flows.events import round_published
from flows.preflight import preflight
from schemas.errors import Damaged
from schemas.gate import GateResult
from schemas.manifest import Manifest, Score, StageRecord
from tasks.collect import collect
from tasks.evaluate import evaluate
from tasks.prompts import load_prompt
from tasks.publish import publish
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.keys import stage_key
from tasks.store.lineage import make_store, open_lineage
from tasks.store.objects import create_once, keep_checkpoint, write_whole

pytestmark = pytest.mark.usefixtures("prefect_server")


def heard(event):
    """Events of a kind that have reached the server, newest first."""
    asked = {"filter": {"event": {"name": [event]}, "order": "DESC"}}
    url = f"{os.environ['PREFECT_API_URL']}/events/filter"
    return httpx.post(url, json=asked, trust_env=False).json()["events"]


def wait_for(event, subject, reason):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for found in heard(event):
            if found["resource"]["prefect.resource.name"] == subject and reason in found["payload"]["reason"]:
                return found
        time.sleep(0.2)
    raise AssertionError(f"{event} of {subject} was not heard")


def shown(key):
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
    url = f"{os.environ['PREFECT_API_URL']}/artifacts/filter"
    return httpx.post(url, json=asked, trust_env=False).json()[0]["data"]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, quickstart, written_recipe):
    """The draft of a round whose champion, the base model, was evaluated; and its manifest, not yet published."""
    folder = tmp_path_factory.mktemp("evaluated")
    plan = preflight(written_recipe(folder, quickstart, "small", evaluate__num_samples=0), str(folder / "store"))
    make_store(plan.store)
    base = keep_checkpoint(plan.store / "objects", plan.model)
    lineage, recipe = open_lineage(plan.store, "small"), plan.recipe
    settings = {"settings": recipe.evaluate, "checks": recipe.answers, "engine": recipe.engine}
    settings |= {"protection": recipe.contamination}
    as_json = {name: value.model_dump(mode="json") for name, value in settings.items()}
    prompt = load_prompt(recipe.evaluate.prompt, plan.recipe_folder)
    inputs = {"collect": {}, "evaluate": {"prompt": prompt.digest, "model": base.digest}, "gate": {}}
    keys = {stage: stage_key(stage, inputs[stage], as_json, "", {}) for stage in inputs}
    given, draft = (
        Draft(lineage, 1, "collect", keys["collect"], 1),
        Draft(lineage, 1, "evaluate", keys["evaluate"], 1),
    )
    collected = collect(given, sources=plan.sources, protection=recipe.contamination)
    items = given.tables()["inputs/benchmark_items"]
    solver = Role(recipe.engine, prompt, base)
    figures = evaluate(draft, settings=recipe.evaluate, checks=recipe.answers, solver=solver, benchmark_items=items)
    held = GateResult(
        decision="held", reason='not "better"', benchmark="sums", test="mcnemar", n=1, gained=0, lost=0,
        difference=0.0, low=0.0, high=0.0, p_value=1.0,
    )  # fmt: skip
    made = {"collect": (given, collected), "evaluate": (draft, figures), "gate": (None, held.model_dump())}
    for stage, (by, figured) in made.items():
        record = StageRecord(
            stage=stage, key=keys[stage], inputs=inputs[stage], settings=as_json, code="", versions={},
            tables=by.tables() if by else {}, figures=figured, dropped={}, seconds=1.0, tokens=1,
            prompts={prompt.name: prompt.text} if stage == "evaluate" else {},
        )  # fmt: skip
        create_once(lineage.marker(1, stage, keys[stage]), record.model_dump_json().encode())
    write_whole(lineage.round_folder(1) / "recipe.toml", plan.recipe_text.encode())
    return folder / "store", Manifest(
        recipe="small", round=1, method="serl", decision="held", reason='not "better"', parent=None, base=base,
        champion=base, candidate=None, fixed=plan.fixed, dropped={}, figures={}, trained_on={},
        inputs={"unusable": collected["unusable"]},
        stages={"collect": keys["collect"], "evaluate.champion": keys["evaluate"], "gate": keys["gate"]},
        tables={name: [ref] for name, ref in (given.tables() | draft.tables()).items()}, gate=held,
        scores={"sums": {"champion": Score.model_validate(figures["scores"]["sums"])}},
        validation={}, seconds={}, tokens={}, started="", finished="", versions={}, device="cpu", git="unknown",
        seed=1,
    )  # fmt: skip


@pytest.fixture
def store(evaluated, tmp_path):
    """A store of this test's own, with that round published."""
    source, manifest = evaluated
    store = shutil.copytree(source, tmp_path / "store")
    publish(open_lineage(store, "small").round_folder(1), manifest)
    return store


def test_an_audit_of_a_sound_store_says_what_it_read(store):
    assert audit(str(store)) == "examined: 1 round, 13 files, 1 checkpoint; all as published"


def test_an_audit_that_finds_damage_lists_it_raises_the_alarm_and_fails(store):
    (part,) = store.glob("small/round-0001/evaluations/*/part-0000.parquet")
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(Damaged, match=r"1 damaged: small/round-0001/evaluations/.*SHA-256"):
        audit(str(store))
    event = wait_for("selfplay.alarm", str(store), "1 damaged: small/round-0001/evaluations")
    assert event["payload"]["alarm"] == "damaged"
    assert "SHA\\-256" in shown("audit")


@pytest.mark.slow
def test_a_rounds_end_is_heard_with_its_decision_and_its_reason_as_it_is(store):
    from prefect import flow

    (manifest,) = open_lineage(store, "small").manifests

    @flow
    def plays():
        began = time.monotonic()
        round_published(manifest)
        return time.monotonic() - began

    assert plays() < 0.5
    event = wait_for("selfplay.round.published", "small/1", 'not "better"')
    assert event["resource"]["selfplay.decision"] == "held"
    assert event["payload"] == {"recipe": "small", "round": 1, "decision": "held", "reason": 'not "better"'}
    assert [r for r in event["related"] if r["prefect.resource.role"] == "flow-run"]


def test_without_a_server_an_event_is_said_to_nobody_and_starts_none(store):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    (manifest,) = open_lineage(store, "small").manifests
    with temporary_settings({PREFECT_API_URL: None}):
        began = time.monotonic()
        round_published(manifest)
        assert time.monotonic() - began < 0.5
