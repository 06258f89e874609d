"""What is deployed, held against Prefect's own models: by itself Prefect passes most misspelt keys in silence."""

import copy
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ConfigDict, ValidationError

from flows.register import AUTOMATIONS, DEPLOYMENTS, POOL, automations
from tasks.store.code import ROOT

HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
NASTY = 'he said "no"\n</script>\\ {{ 1 + 1 }} {% raw %} \u2028 é\''


def read(path=DEPLOYMENTS):
    return yaml.safe_load(path.read_text())


def strictly(model, data):
    """Validate with a model of Prefect's that takes no key beyond its own."""
    own = {"model_config": ConfigDict(extra="forbid"), "__module__": model.__module__}
    return type(model.__name__, (model,), own).model_validate(data)


def check(data):
    from prefect.cli.deploy._models import (
        ConcurrencyLimitSpec,
        DeploymentConfig,
        PrefectYamlModel,
        RawScheduleConfig,
        WorkPoolConfig,
    )
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule

    strictly(PrefectYamlModel, data)
    for deployment in data["deployments"]:
        strictly(DeploymentConfig, deployment)
        strictly(WorkPoolConfig, deployment["work_pool"])
        limit = strictly(ConcurrencyLimitSpec, deployment["concurrency_limit"])
        ConcurrencyLimitStrategy(limit.collision_strategy)
        for schedule in deployment["schedules"]:
            raw = RawScheduleConfig.model_validate(schedule)
            CronSchedule(cron=raw.cron, timezone=raw.timezone)


def test_every_key_is_one_that_prefect_knows():
    check(read())


@pytest.mark.parametrize("level", ["top", "deployment", "work_pool", "concurrency_limit", "schedule"])
def test_a_misspelt_key_is_found_at_every_level(level):
    data = copy.deepcopy(read())
    first = data["deployments"][0]
    place = {"top": data, "deployment": first, "schedule": first["schedules"][0]}.get(level) or first[level]
    place["paramters"] = {}
    with pytest.raises(ValidationError, match="paramters"):
        check(data)


@pytest.mark.parametrize("deployment", read()["deployments"], ids=lambda d: d["name"])
def test_each_entrypoint_is_a_flow_that_takes_these_parameters_and_no_others(deployment, monkeypatch):
    from prefect.exceptions import ParameterTypeError, SignatureMismatchError
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(ROOT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    flow.validate_parameters(deployment["parameters"])
    for wrong in ({"store": ["a", "list"]}, {"stroe": "store"}):
        with pytest.raises((ParameterTypeError, SignatureMismatchError)):
            flow.validate_parameters(deployment["parameters"] | wrong)
    assert flow.name == {"weekly-audit": "audit"}.get(deployment["name"], deployment["name"])


def test_one_run_at_a_time_each_with_a_schedule_in_a_time_zone():
    deployments = read()["deployments"]
    assert [d["name"] for d in deployments] == ["nightly", "weekly-audit"]
    for deployment in deployments:
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        assert deployment["enforce_parameter_schema"] is True
        assert deployment["work_pool"]["name"] == POOL
        assert all(schedule["timezone"] for schedule in deployment["schedules"])
        if recipe := deployment["parameters"].get("recipe"):
            assert (ROOT / recipe).is_file()


def test_a_run_beats_twice_before_it_is_taken_for_crashed_and_only_deployed_runs_are():
    crashed = automations(None)[0]["trigger"]
    for deployment in read()["deployments"]:
        beat = int(deployment["work_pool"]["job_variables"]["env"][HEARTBEAT])
        assert 2 * beat < crashed["within"] < 3 * beat
        assert f"prefect.tag.{deployment['tags'][0]}" == crashed["match_related"]["prefect.resource.id"]


def test_without_a_webhook_only_crashes_are_looked_for_and_no_address_is_in_the_file():
    assert [a["name"] for a in automations(None)] == ["selfplay-crashed-run"]
    assert len(automations("a block")) == 4
    assert "://" not in AUTOMATIONS.read_text() and "block_document_id" not in AUTOMATIONS.read_text()


@pytest.mark.parametrize("automation", automations(str(uuid.uuid4())), ids=lambda a: a["name"])
def test_each_automation_is_one_that_prefect_takes_with_no_key_of_its_own(automation):
    from prefect.events.schemas.automations import AutomationCore, EventTrigger
    from prefect.server.events.schemas.automations import AutomationCore as ServersOwn

    strictly(AutomationCore, automation)
    strictly(EventTrigger, automation["trigger"])
    for action, read_as in zip(automation["actions"], ServersOwn.model_validate(automation).actions, strict=True):
        strictly(type(read_as), action)


async def rendered(payload, **context):
    from prefect.server.utilities.user_templates import render_user_template

    return json.loads(await render_user_template(payload, context))


@pytest.mark.parametrize("known", [True, False], ids=["with flow", "without flow"])
@pytest.mark.parametrize("automation", automations("a block")[1:], ids=lambda a: a["name"])
def test_a_webhooks_body_is_json_whatever_a_reason_holds(automation, known):
    import asyncio

    from prefect.server.events.schemas.events import ReceivedEvent

    run = uuid.uuid4()
    event = ReceivedEvent(
        id=uuid.uuid4(),
        occurred=datetime.now(UTC),
        event=automation["trigger"]["expect"][-1],
        resource={"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.name": NASTY}
        | {"prefect.state-name": "Crashed", "prefect.state-message": NASTY},
        payload={"recipe": NASTY, "round": 3, "decision": "held", "reason": NASTY, "alarm": "x", "subject": NASTY},
    )
    named = {"name": NASTY} if known else None
    (action,) = automation["actions"]
    body = asyncio.run(rendered(action["payload"], event=event, flow=named, deployment=named))
    assert (body["event"], body["reason"]) == (event.event, NASTY)
    expected = {
        "selfplay-webhook-run": {"flow_run_id": str(run), "state": "Crashed", "flow": NASTY if known else ""},
        "selfplay-webhook-round": {"recipe": NASTY, "round": 3, "decision": "held"},
        "selfplay-webhook-alarm": {"alarm": "x", "subject": NASTY},
    }[automation["name"]]
    assert expected.items() <= body.items()


def test_what_the_automations_listen_for_is_what_the_flows_say():
    from flows.events import ALARM, PUBLISHED

    heard = {event for automation in automations("a block")[1:] for event in automation["trigger"]["expect"]}
    assert {ALARM, PUBLISHED} <= heard
    assert Path("deployments/prefect.yaml") == DEPLOYMENTS.relative_to(ROOT)
