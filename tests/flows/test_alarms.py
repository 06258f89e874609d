"""Alarms of real rounds: raised by the round's own tables, published with it, shown and heard everywhere."""

import json
import os
import time

import httpx
import pytest

from flows.artifacts import round_artifacts
from flows.console import Console, as_json
from flows.events import alarms_raised
from flows.keeping import approve_round
from flows.run import run_recipe
from schemas.alarms import Alarm
from tasks.audit.report import write_report
from tasks.figures import precisions
from tasks.store.lineage import open_lineage

from .conftest import QUICKSTARTS

ALARM = Alarm(name="same_answer", level="hold", figure=0.97, threshold=0.5, text="one answer: 97.0%, above 50%")
HOLDS = {"alarms__unanimous": {"threshold": 0.0, "level": "hold"}, "alarms__dropped__threshold": 0.0}


class Said(Console):
    """A console whose lines are kept."""

    def __init__(self):
        super().__init__(to_stderr=True)
        self.lines = []

    def note(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def played(tmp_path_factory, quickstart, written_recipe):
    """A round held by an alarm, then one that validation failed: store, and what the runs said."""
    folder, said = tmp_path_factory.mktemp("alarms"), Said()
    for fails in ({}, {"validation__min_sft_examples": 100_000}):
        path = written_recipe(folder, quickstart, "small", **HOLDS, **fails)
        said.rounds_table(run_recipe(path, folder / "store", 1, said))
    return folder / "store", said.lines


def test_every_round_is_published_with_its_alarms_a_failed_one_too(played):
    store, _ = played
    manifests = open_lineage(store, "small").manifests
    assert [m.decision for m in manifests] == ["held", "failed"]
    for m in manifests:
        assert [(alarm.name, alarm.level) for alarm in m.alarms] == [("unanimous", "hold"), ("dropped", "warning")]
        written = (store / f"small/round-{m.round:04d}/alarms.json").read_text()
        assert json.loads(written) == as_json(m, "")["alarms"] == [alarm.model_dump() for alarm in m.alarms]


def test_the_gate_is_told_of_the_alarms_that_hold(played):
    lineage = open_lineage(played[0], "small")
    first = lineage.manifests[0]
    told = lineage.stage_record(1, "gate", first.stages["gate"]).inputs["alarms"]
    assert told == [f"unanimous: {first.alarms[0].text}"]


@pytest.mark.slow
def test_a_better_candidate_is_held_by_the_alarm_until_someone_approves_it(tmp_path, quickstart, write_recipe):
    benchmarks = [quickstart["benchmarks"][0] | {"sample": 2000}]
    path = write_recipe(benchmarks=benchmarks, evaluate__num_samples=0, **QUICKSTARTS, **HOLDS)
    (held,) = run_recipe(path, tmp_path / "store", 1, Console(to_stderr=True))
    assert (held.decision, held.gate.decision, held.gate.awaiting_approval) == ("held", "held", True)
    assert held.gate.p_value < 0.05, "the candidate is better"
    assert held.reason.startswith(f"better, held by unanimous: {held.alarms[0].text}; awaiting approval: +")
    approve_round(str(tmp_path / "store"), "small/1", "looked at it", print)
    assert open_lineage(tmp_path / "store", "small").champion(held.base) == held.candidate


def test_an_alarm_is_said_before_the_hours_of_training_and_again_at_the_end(played):
    store, lines = played
    first = open_lineage(store, "small").manifests[0]
    began = [line.split()[:1] for line in lines]
    for alarm in first.alarms:
        line = f"alarm ({alarm.level}): {alarm.name}: {alarm.text}"
        at = [said.strip() for said in lines].index(line)
        assert began.index(["alarms"]) < at < began.index(["train"])
        assert f"small/1 {line}" in lines


def test_what_earlier_rounds_measured_is_an_input_of_the_stage(played):
    lineage = open_lineage(played[0], "small")
    first, second = (lineage.stage_record(m.round, "alarms", m.stages["alarms"]) for m in lineage.manifests)
    assert first.inputs["earlier"] == []
    assert second.inputs["earlier"] == [first.figures["measured"]]
    assert first.figures["figures"]["length_drift"] is None
    assert 0 <= second.figures["figures"]["length_drift"] < 1
    for m, record in zip(lineage.manifests, (first, second), strict=True):
        measured = record.figures["measured"]["of"]["reward_hacking"]
        precision = precisions(m)["vote"]
        assert measured["decided"] == precision.n
        assert measured["right"] / precision.n == precision.accuracy


def test_the_report_of_rounds_that_were_played_shows_their_alarms_and_where_a_row_comes_from(
    played, chromium, tmp_path
):
    lineage = open_lineage(played[0], "small")
    page = chromium.new_page()
    page.goto(write_report([lineage], tmp_path, lambda *_: None).as_uri())
    page.wait_for_selector("body[data-drawn=yes]")
    assert page.locator("section[aria-labelledby=alarms] li").count() == 4, "two rounds, two alarms each"
    page.get_by_role("link", name="small/1").first.click()
    page.wait_for_selector("body[data-drawn=yes]")
    alarms = page.locator("section[aria-labelledby=alarms]").inner_text()
    assert all(alarm.text in alarms for alarm in lineage.manifests[0].alarms)
    page.get_by_label("Show").select_option("=sft_examples")
    page.locator("#rows summary").first.click()
    story = page.locator("#rows .why").first.inner_text()
    assert "attempts-0001-" in story and "selfplay why sft_examples-0001-" in story


@pytest.mark.slow
def test_an_alarm_is_an_event_and_stands_in_the_decisions_artifact(rounds, prefect_server):
    from prefect import flow

    manifest, lineage = rounds.publish("held", alarms=[ALARM]), rounds.lineage

    @flow
    def tells():
        round_artifacts(lineage, manifest)
        alarms_raised(manifest)

    tells()
    until = time.monotonic() + 30
    heard = []
    while not heard and time.monotonic() < until:
        time.sleep(0.2)
        events = asked("events", {"filter": {"event": {"name": ["selfplay.alarm"]}, "order": "DESC"}})["events"]
        heard = [event for event in events if event["payload"]["alarm"] == "same_answer"]
    assert heard[0]["resource"]["prefect.resource.name"] == "small/1"
    assert heard[0]["payload"]["reason"] == "hold: one answer: 97.0%, above 50%"
    (shown, *_) = asked(
        "artifacts", {"artifacts": {"key": {"any_": ["decision-small-0001"]}}, "sort": "CREATED_DESC"}
    )
    assert "same\\_answer: one answer" in shown["data"].replace("\\:", ":")
    assert "1 hold" in shown["data"]


def asked(what, filters):
    url = f"{os.environ['PREFECT_API_URL']}/{what}/filter"
    return httpx.post(url, json=filters, trust_env=False).json()
