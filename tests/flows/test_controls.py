"""Rounds with both controls, on gold: what they leave, and what they leave alone."""

import json
import shutil

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.console import Console
from flows.lines.story import story
from flows.methods.serl import serl
from flows.plan import Planner, next_round, plan_round
from flows.preflight import preflight
from flows.run import run_recipe
from schemas.errors import Stopped, ValidationFailed
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.closure import Shelf, orphans
from tasks.audit.descent import follow
from tasks.audit.examine import examine_store
from tasks.audit.integrity import Opened, open_tables
from tasks.audit.leaks import Protected, leaks
from tasks.audit.markers import read_markers
from tasks.audit.suites import broken_expectations
from tasks.checks.suites import Suites
from tasks.store.gc import find_garbage
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

from .faults import ROOT

pytestmark = pytest.mark.slow
GOLD = {
    "path": str(ROOT / "deployments/data/sums/gold.jsonl"),
    "question": "question",
    "solution": "solution",
    "sample": 40,
}
CONTROLS = {"controls": {"seeds_alone": True, "random_label": True}, "data__gold": GOLD}
ARMS = ("control_seeds", "control_random")


@pytest.fixture(scope="module")
def controlled(tmp_path_factory, quickstart, written_recipe):
    """Two held rounds with both controls; a round with the one that needs no gold, and the same round without."""
    folder = tmp_path_factory.mktemp("controls")
    random_label = {"controls": {"random_label": True}}
    for store, rounds, changes in (("store", 2, CONTROLS), ("random", 1, random_label), ("plain", 1, {})):
        recipe = written_recipe(
            folder, quickstart, "small", gate__min_gain=0.9, train__sft__warmup_steps=0, **changes
        )
        recipe = recipe.rename(folder / f"{store}.toml")
        run_recipe(recipe, folder / store, rounds, Console(to_stderr=True))
    return folder


def lineage_of(controlled, store="store"):
    return open_lineage(controlled / store, "small")


def rows_of(lineage, refs):
    return [row for ref in refs for row in read_table(lineage.folder, ref, TABLES[ref.table]).to_pylist()]


def test_controls_have_scores_beside_the_rounds_own(controlled):
    (without,) = lineage_of(controlled, "plain").manifests
    assert set(without.scores["sums"]) == {"base", "champion", "candidate"}
    assert without.controls == {}
    for m in lineage_of(controlled).manifests:
        assert set(m.scores["sums"]) == {"base", "champion", "candidate", *ARMS}
        assert all(m.scores["sums"][arm].n == m.scores["sums"]["candidate"].n for arm in ARMS)


def test_seeds_alone_are_taken_at_the_best_of_four_equally_spaced_checkpoints(controlled):
    lineage = lineage_of(controlled)
    m = lineage.manifests[1]
    trained = lineage.stage_record(2, "train", m.stages["train.control-seeds"])
    real = lineage.stage_record(2, "train", m.stages["train"])
    kept = [trained.figures[f"checkpoint_{n}"] for n in (1, 2, 3, 4)]
    assert len(set(kept)) == 4
    assert kept[-1] == trained.figures["checkpoint"]
    asked = [lineage.stage_record(2, "evaluate", m.stages[f"evaluate.control-seeds-{n}"]) for n in (1, 2, 3, 4)]
    assert [record.inputs["model"] for record in asked] == kept
    best = max(record.figures["scores"]["sums"]["accuracy"] for record in asked)
    assert m.scores["sums"]["control_seeds"].accuracy == best
    assert trained.settings["settings"]["sft"] == real.settings["settings"]["sft"], "the same steps, batch and rate"
    assert trained.figures["training_rows"] == {"sft": 40}


def test_random_labels_differ_from_the_votes_and_are_for_the_same_questions(controlled):
    lineage = lineage_of(controlled)
    m = lineage.manifests[1]
    voted, drawn = (
        {row["question_id"]: row["answer"] for row in rows_of(lineage, tables["selections"])}
        for tables in (m.tables, m.controls)
    )
    assert voted.keys() == drawn.keys()
    assert voted != drawn
    agreeing = {row["row_id"] for row in rows_of(lineage, m.controls["rewards"]) if row["reward"] == 1.0}
    read = [row for row in rows_of(lineage, m.controls["answers"]) if row["attempt_id"] in agreeing]
    forms = {row["question_id"]: row["canonical"] for row in read}
    assert all(forms[question] == answer for question, answer in drawn.items())


def test_a_control_changes_nothing_of_the_round(controlled):
    (controlled_round,), (plain,) = (lineage_of(controlled, store).manifests for store in ("random", "plain"))
    assert set(controlled_round.scores["sums"]) == {"base", "champion", "candidate", "control_random"}
    assert controlled_round.tables == plain.tables
    assert controlled_round.candidate == plain.candidate
    for name in ("decision", "gate", "dropped", "trained_on", "figures", "alarms"):
        assert getattr(controlled_round, name) == getattr(plain, name), name
    assert controlled_round.validation.keys() == plain.validation.keys()


def test_later_rounds_are_given_nothing_that_a_control_wrote(controlled):
    lineage = lineage_of(controlled)
    first, second = lineage.manifests
    written = {ref.digest for refs in first.controls.values() for ref in refs if ref.rows}
    own = {ref.digest for refs in first.tables.values() for ref in refs}
    assert written - own
    for shown, key in second.stages.items():
        given = str(lineage.stage_record(2, shown.split(".")[0], key).inputs)
        assert not [digest for digest in written - own if digest in given], shown
    rows = [sum(ref.rows for ref in m.tables["sft_examples"]) for m in lineage.manifests]
    assert second.trained_on["sft"] == sum(rows)


def test_an_audit_finds_nothing_and_the_controls_weights_are_garbage(controlled):
    examined = examine_store(controlled / "store")
    assert examined.damage == ()
    lineage = lineage_of(controlled)
    made = {
        digest
        for m in lineage.manifests
        for shown, key in m.stages.items()
        if shown.startswith("train.control")
        for digest in lineage.stage_record(m.round, "train", key).objects
    }
    garbage = {found.what.removeprefix("objects/")[:16] for found in find_garbage(controlled / "store", 0)}
    assert garbage == {digest[:16] for digest in made}


def test_a_damaged_table_of_a_control_is_named(controlled, tmp_path):
    shutil.copytree(controlled / "store", tmp_path / "store")
    ref = lineage_of(controlled).manifests[1].controls["selections"][0]
    (tmp_path / "store/small" / ref.path / "part-0000.parquet").unlink()
    assert [damage.place.split("/part")[0] for damage in examine_store(tmp_path / "store").damage] == [
        f"small/{ref.path}"
    ]


def test_the_rows_of_a_control_are_audited_as_the_rounds_own(controlled):
    lineage = lineage_of(controlled)
    m = lineage.manifests[1]
    ref, (probe,) = m.controls["sft_examples"][0], m.tables["inputs/probe"]

    def damage(column, value):
        opened = Opened(lineage, m)
        assert list(open_tables(opened)) == []
        rows = opened.rows[ref.path]
        values = [value, *rows[column].to_pylist()[1:]]
        place = rows.column_names.index(column)
        opened.rows[ref.path] = rows.set_column(place, rows.schema.field(column), pa.array(values, pa.string()))
        markers, _ = read_markers(opened)
        shelf = Shelf(lineage)
        checks = (orphans(opened, shelf), leaks(opened, markers, shelf, Protected()))
        found = [d for check in (*checks, broken_expectations(opened, markers, Suites())) for d in check]
        assert {d.place for d in found} <= {f"small/{ref.path}"}
        return [d.expected for d in found]

    assert damage("prompt", "1+2=") == []
    assert damage("attempt_id", "attempts-0002-gone") == ["attempt_id: a row of attempts or revisions"]
    assert damage("completion", "")[-1] == "expect_column_value_lengths_to_be_between(completion)"
    leaked = rows_of(lineage, [probe])[0]["id"]
    assert "no question that repeats a benchmark or probe row" in damage("question_id", leaked)


def test_a_controls_row_says_what_it_is_and_nothing_of_the_rounds_own_labels_and_training(controlled):
    lineage = lineage_of(controlled)
    m = lineage.manifests[0]
    for table in ("answers", "verdicts", "selections", "sft_examples", "train_steps"):
        row = rows_of(lineage, m.controls[table])[-1]
        told, became = explain(lineage, row["id"]), follow(lineage, row["id"])
        assert told.arm == became.arm == "control_random", table
        assert told.row["id"] == row["id"]
        asked = {e["row"]["id"] for e in told.tables.get("questions", []) + told.tables.get("inputs/probe", [])}
        assert row.get("question_id", row["id"]) in asked | {row["id"]}
        assert {stage["stage"].partition(".")[2] for stage in told.stages} == {"control-random"}
        assert {e["relation"] for entries in told.tables.values() for e in entries} <= {"itself", "up"}
        assert (told.filters, told.checkpoints) == ([], [])
        assert (became.rounds, became.checkpoints) == ([], [])
        assert "(held, of the control 'random label' alone)" in story(told)
    answered = rows_of(lineage, m.controls["evaluations"])[0]
    told = explain(lineage, answered["id"])
    assert told.tables["inputs/benchmark_items"][0]["row"]["id"] == answered["item_id"]
    assert [found["digest"] for found in told.checkpoints] == [answered["checkpoint"]]
    own = rows_of(lineage, m.tables["sft_examples"])[0]
    assert explain(lineage, own["id"]).arm == follow(lineage, own["id"]).arm == ""


def test_the_plan_of_a_round_names_the_stages_of_its_controls(controlled):
    plan = preflight(controlled / "store.toml", controlled / "store")
    shown = [planned.stage for planned in plan_round(plan, lineage_of(controlled))]
    seeds = [f"evaluate.control-seeds-{number}" for number in (1, 2, 3, 4)]
    random = [f"{stage}.control-random" for stage in ("vote", "select", "build", "validate", "train", "evaluate")]
    assert shown[shown.index("gate") + 1 :] == ["train.control-seeds", *seeds, *random]


def test_random_labels_train_on_the_rounds_own_rows_alone(controlled):
    lineage = lineage_of(controlled)
    m = lineage.manifests[1]
    trained = lineage.stage_record(2, "train", m.stages["train.control-random"])
    read = [digest for digest in trained.inputs["sft_examples"] if not digest.startswith("without")]
    assert read == [ref.digest for ref in m.controls["sft_examples"]]
    assert m.built_on == [1], "the round itself trained on the first one's rows too"


@pytest.mark.parametrize("error", [ValidationFailed("train: sft loss nan at step 3"), Stopped("out of memory")])
def test_a_control_that_cannot_be_trained_says_why_and_stops_nothing(controlled, error):
    planner = Planner()

    def failing(round, stage, shown, beside, inputs):
        if shown in ("train.control-random", "evaluate.control-seeds-3"):
            raise error
        return planner(round, stage, shown, beside, inputs)

    plan = preflight(controlled / "store.toml", controlled / "store")
    round = next_round(plan, lineage_of(controlled), failing)
    serl(round)
    assert round.unscored == dict.fromkeys(ARMS, str(error))
    assert "gate" in round.records
    assert not [shown for shown in round.records if shown.startswith("evaluate.control")], "no best of two"


def test_why_a_control_has_no_score_is_published_and_told(rounds, tmp_path):
    rounds.publish("held", controls_failed={"control_random": "train: sft loss nan at step 3"})
    said = CliRunner().invoke(app, ["log", "--store", str(rounds.store)]).output
    (told,) = json.loads(CliRunner().invoke(app, ["log", "--json", "--store", str(rounds.store)]).stdout)
    assert told["controls_failed"] == {"control_random": "train: sft loss nan at step 3"}
    CliRunner().invoke(app, ["report", "-o", str(tmp_path), "--store", str(rounds.store)])
    line = "random label: not scored (train: sft loss nan at step 3)"
    assert f"control  {line}" in said
    assert f"control: {line}" in (tmp_path / "small/round-0001.html").read_text()


def test_log_show_and_report_name_the_controls_where_there_are_any(controlled, tmp_path):
    def said(*arguments, store="store"):
        result = CliRunner().invoke(app, [*arguments, "--store", str(controlled / store)])
        assert result.exit_code == 0, result.output
        return result.output

    score = lineage_of(controlled).manifests[1].scores["sums"]["control_seeds"].accuracy
    assert f"controls gold alone (at its best) {score:.1%}, random label" in said("log")
    assert "controls " not in said("log", store="plain")
    assert "control_random" in json.loads(said("log", "--json"))[1]["scores"]["sums"]
    assert "control_seeds" in said("show", "small/2")
    assert "control_seeds" not in said("show", "small/1", store="plain")
    for store, told in (("store", True), ("plain", False)):
        said("report", "-o", str(tmp_path / store), store=store)
        page = (tmp_path / store / "small/index.html").read_text()
        assert ("control: gold alone" in page) == told
        assert not told or f"{score:.1%}" in page
