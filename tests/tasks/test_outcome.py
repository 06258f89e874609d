"""What the stages' records say together, of its waves and where it ends on its way."""

import pytest

from schemas.manifest import StageRecord, TableRef
from tasks.outcome import outcome

GATE = {
    "benchmark": "sums", "test": "mcnemar", "n": 100, "gained": 9, "lost": 1, "difference": 0.08, "low": 0.02,
    "high": 0.14, "p_value": 0.01, "detectable_gain": 0.1, "decision": "promoted", "reason": "+8.0%", "guards": (),
    "sealed": None, "awaiting_approval": False,
}  # fmt: skip
OF_THE_ROUND = ("decision", "reason", "guards", "sealed", "awaiting_approval")
SEALED = {name: value for name, value in GATE.items() if name not in OF_THE_ROUND} | {"reads": 2}
HELD = {"decision": "held", "reason": "+8.0%; not confirmed", "awaiting_approval": False, "sealed": SEALED}
STOPPED = {"passed": False, "failures": ["evaluations: ..."], "tables": {}}


@pytest.fixture
def told():
    """The outcome of stages with these figures."""

    def tell(**figures):
        named = {name.replace("__", "."): found for name, found in figures.items()}
        return outcome(
            {
                shown: StageRecord(
                    stage=shown.split(".")[0], key="k", played_as=shown, inputs={}, settings={}, prompts={}, code="",
                    versions={}, tables={}, figures=found, dropped={}, seconds=1.0, tokens=0,
                )
                for shown, found in named.items()
            }
        )  # fmt: skip

    return tell


def test_the_gate_decides_unless_the_sealed_benchmark_was_read(told):
    assert told(gate=GATE)["gate"].decision == "promoted"
    found = told(gate=GATE, evaluate__sealed__candidate={}, validate__sealed={}, confirm=HELD)["gate"]
    assert (found.decision, found.reason, found.sealed.reads) == ("held", "+8.0%; not confirmed", 2)
    assert (found.difference, found.guards) == (0.08, ())


def test_a_round_that_validation_stopped_after_the_reading_has_no_result_of_the_gate(told):
    found = told(gate=GATE, evaluate__sealed__candidate={}, validate__sealed=STOPPED)
    assert found["gate"] is None
    assert found["validation"] == {"validate.sealed": STOPPED}
    assert told(evaluate__candidate={})["gate"] is None


def test_sealed_scores_stand_beside_the_others_under_their_role(told):
    score = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 100}
    found = told(
        evaluate__base={"scores": {"sums": score}},
        evaluate__candidate={"scores": {"sums": score | {"accuracy": 0.55}}},
        evaluate__sealed__candidate={"scores": {"hidden": score | {"n": 50}}},
    )["scores"]
    assert {name: list(roles) for name, roles in found.items()} == {
        "sums": ["base", "candidate"], "hidden": ["candidate"],
    }  # fmt: skip
    assert found["hidden"]["candidate"].n == 50


VERDICTS = {"table": "verdicts", "path": "v", "digest": "d", "files": {}}


def record(shown, rows=0, **figures):
    tables = {"verdicts": TableRef(rows=rows, **VERDICTS)} if rows else {}
    return shown, StageRecord(
        stage=shown.split(".")[0], key=shown, played_as=shown, inputs={}, settings={}, prompts={}, code="c",
        versions={}, tables=tables, figures=figures, dropped={}, seconds=1.0, tokens=10,
    )  # fmt: skip


def precision(right, n):
    return {"accuracy": right / n, "low": 0.0, "high": 1.0, "n": n}


WAVES = dict(
    [
        record("vote.wave-1", rows=30, precision=precision(8, 10)),
        record("vote.wave-10", rows=10, precision=precision(10, 30)),
        record("select.wave-1", band={"in": 1.0, "above": 0.0}),
        record("select.wave-10", band={"in": 0.0, "above": 1.0}),
        record("train.wave-10", checkpoint="last", training_rows={"policy": 5}),
        record("train.wave-9", checkpoint="before", training_rows={"policy": 7}),
        record("vote.control-random", precision=precision(0, 100)),
    ]
)


def test_what_each_stage_measured_is_kept_in_the_order_played_without_the_controls():
    told = outcome(WAVES | dict([record("evaluate.candidate")]))
    assert list(told["figures"]) == ["vote.wave-1", "vote.wave-10", "select.wave-1", "select.wave-10"]
    assert told["figures"]["select.wave-1"] == {"band": {"in": 1.0, "above": 0.0}}
    assert told["trained_on"] == {"policy": 12}


def test_the_last_waves_weights_are_the_candidate_but_not_those_of_a_round_that_failed_before():
    assert outcome(WAVES)["candidate"] is None
    assert outcome(WAVES | dict([record("evaluate.base"), record("evaluate.champion")]))["candidate"] is None
    assert outcome(WAVES | dict([record("evaluate.candidate")]))["candidate"].digest == "last"


def test_a_round_without_waves_is_told_as_its_stages_tell_it():
    plain = dict(
        [record("vote", precision=precision(8, 10)), record("train", checkpoint="w", training_rows={"sft": 3})]
    )
    told = outcome(plain | dict([record("select", band={"in": 0.5})]))
    assert told["candidate"].digest == "w"
    assert told["figures"] == {"vote": {"precision": precision(8, 10)}, "select": {"band": {"in": 0.5}}}
    assert told["trained_on"] == {"sft": 3}
