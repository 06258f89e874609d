"""How a round ends, played: guards, the sealed benchmark that is read only then, and what each leaves to read."""

import json
import re
import shutil
import sys
from dataclasses import replace

import pytest

from flows import main
from flows.console import Console
from flows.plan import next_round, plan_round
from flows.preflight import preflight
from flows.run import run_recipe
from schemas.manifest import CheckpointRef
from tasks.audit.examine import examine_store
from tasks.audit.report import write_report
from tasks.store.lineage import open_lineage

from .conftest import QUICKSTARTS
from .test_rounds import rows_of

HARMLESS = [{"benchmark": "other-sums", "max_loss": 0.2}]
NEVER_RULED_OUT = [{"benchmark": "three", "max_loss": 0.0001}]
SEALED = "sums-sealed"
OTHER = CheckpointRef(digest="f" * 64)
CONFIRMED = {"gate__guards": HARMLESS, "gate__sealed": SEALED}
NOT_TOUCHED = {
    "a guard": {"gate__guards": NEVER_RULED_OUT, "gate__sealed": SEALED},
    "too small a gain": {"gate__min_gain": 0.9, "gate__sealed": SEALED},
    "the vote": {"gate__min_vote_precision": 1.0, "gate__sealed": SEALED},
}


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory, quickstart):
    """Sums, and questions that nobody answers as their file has it: three, and twenty sealed ones."""
    folder = tmp_path_factory.mktemp("benchmarks")
    sums, sealed = quickstart["benchmarks"]
    found = [sums | {"sample": 1000}, sums | {"name": "other-sums", "sample": 300}, sealed | {"sample": 1000}]
    for name, size, first in (("three", 3, 1), ("never", 20, 4)):
        rows = [{"question": "+".join("9" * (first + n)), "answer": "1000003"} for n in range(size)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        columns = {"question": "question", "answer": "answer", "sealed": name == "never"}
        found.append({"name": name, "path": str(folder / f"{name}.jsonl")} | columns)
    return found


@pytest.fixture(scope="module")
def drafted(tmp_path_factory, quickstart, written_recipe, benchmarks):
    """A round whose candidate is better, ended before its manifest was written."""
    folder = tmp_path_factory.mktemp("drafted")
    path = written_recipe(folder, quickstart, "small", benchmarks=benchmarks, **QUICKSTARTS)
    (m,) = run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    assert m.decision == "promoted", m.reason
    (folder / "store/small/round-0001/manifest.json").unlink()
    return folder / "store"


@pytest.fixture
def end(drafted, tmp_path, quickstart, written_recipe, benchmarks):
    """Play the round to its end by another gate: nothing but that is played again."""

    def run(**gate):
        shutil.copytree(drafted, tmp_path / "store")
        path = written_recipe(tmp_path, quickstart, "small", benchmarks=benchmarks, **QUICKSTARTS | gate)
        (m,) = run_recipe(path, tmp_path / "store", 1, Console(to_stderr=True))
        plan, lineage = preflight(path, tmp_path / "store"), open_lineage(tmp_path / "store", "small")
        return m, lineage, next_round(plan, lineage, player=None)

    return run


@pytest.fixture
def selfplay(monkeypatch, capsys, tmp_path):
    def typed(*arguments):
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, arguments), "--store", str(tmp_path / "store")])
        line, code = main._ended()
        assert code == 0, line
        return capsys.readouterr().out

    return typed


def answers_to(lineage, m, benchmark):
    rows = [row for ref in m.tables["evaluations"] for row in rows_of(lineage, ref)]
    return [row for row in rows if row["benchmark"] == benchmark]


def test_a_gain_that_costs_no_guard_and_shows_on_the_sealed_benchmark_is_promoted(end, selfplay, tmp_path):
    m, lineage, following = end(**CONFIRMED)
    assert (m.decision, lineage.champion(m.base)) == ("promoted", m.candidate)
    assert [(guard.benchmark, guard.passed) for guard in m.gate.guards] == [("other-sums", True)]
    assert (m.gate.sealed.benchmark, m.gate.sealed.reads, m.gate.sealed.n) == (SEALED, 1, 1000)
    assert m.gate.sealed.p_value <= 0.05
    assert re.search(r"; confirmed by sums-sealed, reading 1: \+.*% on 1,000 items", m.reason)
    assert set(m.scores[SEALED]) == {"champion", "candidate"}
    answers = answers_to(lineage, m, SEALED)
    assert len(answers) == 2000 and all(row["greedy"] for row in answers)
    assert following.sealed_reads(OTHER) == 2
    scorecard = json.loads((lineage.round_folder(1) / "scorecard.json").read_text())
    assert 0 < scorecard["gate"]["detectable_gain"] < 0.1
    assert scorecard["gate"]["sealed"]["reads"] == 1
    assert examine_store(tmp_path / "store").damage == ()
    row = next(row for row in answers if row["checkpoint"] == m.candidate.digest)
    why = json.loads(selfplay("why", row["id"], "--json"))
    asked = [stage["stage"] for stage in why["stages"] if stage["stage"].startswith("evaluate")]
    assert asked == ["evaluate.sealed.candidate"], "nobody else's answers are told"

    for said in (selfplay("log"), selfplay("show", "1")):
        assert re.search(
            r"^gain     \+.* on 1,000 items of sums: .*; so many could have shown \+\d\.\d points$", said, re.M
        )
        assert re.search(r"^guard    .* on 300 items of other-sums: a loss of 20 points is ruled out$", said, re.M)
        assert re.search(r"^sealed   \+.* on 1,000 items of sums-sealed, reading 1$", said, re.M)
    stages = re.findall(r"^  (\S+) +[0-9a-f]{10}  ", selfplay("show", "1"), re.M)
    assert stages[-5:] == [
        "gate", "evaluate.sealed.champion", "evaluate.sealed.candidate", "validate.sealed", "confirm",
    ]  # fmt: skip
    assert json.loads(selfplay("log", "--json"))[0]["gate"]["sealed"]["reads"] == 1


def test_a_gain_that_does_not_show_on_the_sealed_benchmark_is_held_and_the_reading_counted(end):
    m, lineage, following = end(gate__sealed="never")
    assert (m.decision, m.gate.decision, lineage.champion(m.base)) == ("held", "held", m.base)
    assert "; not confirmed by never, reading 1: +0.0% on 20 items" in m.reason
    assert (following.sealed_reads(OTHER), following.sealed_reads(m.candidate)) == (2, 1)


@pytest.mark.parametrize("by", NOT_TOUCHED)
def test_the_sealed_benchmark_is_not_touched_when_the_gate_holds(end, selfplay, by, tmp_path):
    m, lineage, following = end(**NOT_TOUCHED[by])
    assert (m.decision, lineage.champion(m.base)) == ("held", m.base)
    assert m.gate.sealed is None
    assert not [shown for shown in m.stages if "sealed" in shown or shown == "confirm"]
    assert SEALED not in m.scores and answers_to(lineage, m, SEALED) == []
    assert following.sealed_reads(OTHER) == 1
    words = {
        "a guard": r"better, but held: .*; a loss of 0\.0% on three is not ruled out: \+0\.0% on 3 items",
        "too small a gain": r"not shown to be better: .*; a gain below min_gain = 90\.0%",
        "the vote": r"better, but held: .*; the vote's precision on the probe may be .*, 100\.0% wanted",
    }
    assert re.match(words[by], m.reason), m.reason
    assert "sealed   " not in selfplay("log")
    assert examine_store(tmp_path / "store").damage == ()


def test_what_awaits_approval_has_been_confirmed(end, selfplay):
    m, lineage, _ = end(**CONFIRMED, gate__approval=True)
    assert (m.decision, m.gate.awaiting_approval, m.gate.sealed.reads) == ("held", True, 1)
    selfplay("approve", "small/1")
    assert open_lineage(lineage.store, "small").champion(m.base) == m.candidate


@pytest.mark.parametrize("left", ["the note alone", "the manifest alone", "a manifest that validation stopped"])
def test_a_reading_counts_for_the_next_candidate_whatever_became_of_its_round(end, left):
    m, lineage, following = end(gate__sealed="never")
    if left == "the note alone":  # killed before it was published
        lineage = replace(lineage, published=())
    else:  # by a version that made no notes
        shutil.rmtree(lineage.folder / "sealed")
    if left == "a manifest that validation stopped":
        gate = m.gate.model_copy(update={"sealed": None})
        lineage = replace(lineage, published=(m.model_copy(update={"decision": "failed", "gate": gate}),))
    following = replace(following, lineage=lineage)
    assert following.sealed_reads(OTHER) == 2
    assert following.sealed_reads(m.candidate) == 1, "the same one, gone on with after a kill"


def test_a_plan_says_what_waits_for_the_gates_word(end, drafted, tmp_path, quickstart, written_recipe, benchmarks):
    path = written_recipe(tmp_path, quickstart, "small", benchmarks=benchmarks, **QUICKSTARTS | CONFIRMED)
    planned = {stage.stage: stage for stage in plan_round(preflight(path, drafted), open_lineage(drafted, "small"))}
    assert (planned["train"].state, planned["gate"].state) == ("reused", "running")
    for stage in ("evaluate.sealed.champion", "evaluate.sealed.candidate", "validate.sealed", "confirm"):
        assert planned[stage].why.startswith("if the gate is in favour; "), planned[stage]
    end(**CONFIRMED)
    (tmp_path / "store/small/round-0001/manifest.json").unlink()
    again = plan_round(preflight(path, tmp_path / "store"), open_lineage(tmp_path / "store", "small"))
    assert [stage.why for stage in again[-3:]] == ["already complete"] * 3


def test_the_report_shows_what_the_gate_compared(end, chromium, tmp_path):
    _, lineage, _ = end(**CONFIRMED)
    write_report([lineage], tmp_path / "report", lambda *_: None)
    page = chromium.new_page(offline=True)
    page.goto((tmp_path / "report/small/round-0001.html").as_uri())
    page.wait_for_selector("body[data-drawn=yes]")
    rows = page.get_by_role("region", name="What the gate compared").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:3] for row in rows] == [
        ["sums", "gain", "1,000"], ["other-sums", "guard", "300"], [SEALED, "sealed", "1,000"],
    ]  # fmt: skip
    assert rows[0].split("\t")[-1].startswith("could have shown +")
    assert [row.split("\t")[-1] for row in rows[1:]] == ["a loss of 20.0% is ruled out", "reading 1"]
    page.close()
