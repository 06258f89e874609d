import json

import orjson
import pytest

from schemas.errors import Damaged
from schemas.inputs import PROBE
from schemas.manifest import Score
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.audit import diff
from tasks.audit.diff import diff_rounds
from tasks.store.naming import open_round


def question(number, text):
    return {
        "id": f"questions-{number}", "proposal_id": "p", "item": 0, "position": 0, "question": text,
        "nearest_score": 0.0, "nearest_id": None,
    }  # fmt: skip


def verdict(of, answer, votes, n=8, **more):
    return {
        "id": f"verdicts-{of}", "question_id": of, "answer": answer, "votes": votes, "num_attempts": n,
        "num_planned": n, "num_valid": n, "agreement": votes / n, "agreement_valid": votes / n, "classes": [],
        "tied": answer is None, "undecided": 0, **more,
    }  # fmt: skip


def publish(rounds, labelled, probe=(), selected=(), **changes):
    """`labelled`: text -> (answer, votes); `selected`: texts."""
    number = rounds.lineage.next_round
    ids = {text: f"{number}-{n}" for n, text in enumerate(sorted(labelled))}
    tables = {
        "questions": [rounds.table(QUESTIONS, [question(ids[text], text) for text in labelled])],
        "verdicts": [
            rounds.table(VERDICTS, [verdict(f"questions-{ids[t]}", *vote) for t, vote in labelled.items() if vote])
        ],
        "selections": [
            rounds.table(SELECTIONS, [
                {"id": f"s-{text}", "question_id": f"questions-{ids[text]}", "verdict_id": "v", "question": text,
                 "answer": "1", "agreement": 0.5}
                for text in selected
            ])
        ],
        "inputs/probe": [
            rounds.table(PROBE, [
                {"id": f"probe-{t}", "question": t, "reference": "1", "source_row": 0} for t in probe
            ])
        ],
        "probe_verdicts": [
            rounds.table(PROBE_VERDICTS, [
                verdict(f"probe-{t}", *vote, reference="1", correct=vote[0] == "1") for t, vote in dict(probe).items()
            ])
        ],
    }  # fmt: skip
    rounds.publish("promoted", tables=tables, **changes)
    (rounds.lineage.round_folder(number) / "recipe.toml").write_text(f"seed = {number}\n")


def compared(rounds):
    return diff_rounds(open_round(rounds.store, "1"), open_round(rounds.store, "2"))


def test_questions_are_met_by_their_text_and_flips_carry_both_counts(rounds):
    publish(rounds, {"1+1": ("2", 5), "2+2": ("4", 8), "old": ("9", 8), "no": ("3", 7), "unjudged": None})
    publish(rounds, {"1+1": ("3", 6), "2+2": ("4", 5), "new": ("9", 8), "no": (None, 2), "unjudged": ("1", 8)})
    found = compared(rounds).questions["questions"]
    assert (found.added, found.gone, found.both, found.relabelled) == (1, 1, 4, 2)
    assert (found.added_examples, found.gone_examples) == (["new"], ["old"])
    assert [flip.model_dump() for flip in found.flips] == [
        {
            "question": "1+1",
            "before": {"answer": "2", "votes": 5, "num_attempts": 8},
            "after": {"answer": "3", "votes": 6, "num_attempts": 8},
        },
        {
            "question": "no",
            "before": {"answer": "3", "votes": 7, "num_attempts": 8},
            "after": {"answer": None, "votes": 2, "num_attempts": 8},
        },
    ]


def test_the_probe_and_the_questions_trained_on_are_compared_by_themselves(rounds):
    publish(rounds, {"a": ("1", 8), "b": ("2", 8)}, probe={"p": ("7", 4)}, selected=["a", "b"])
    publish(rounds, {"a": ("5", 8), "c": ("2", 8)}, probe={"p": ("1", 6)}, selected=["a"])
    found = compared(rounds).questions
    assert (found["probe"].both, found["probe"].relabelled, found["probe"].flips[0].after.answer) == (1, 1, "1")
    assert (found["selections"].added, found["selections"].gone, found["selections"].relabelled) == (0, 1, 1)


def test_the_same_round_differs_in_nothing(rounds):
    publish(
        rounds,
        {"a": ("1", 8)},
        probe={"p": ("7", 4)},
        selected=["a"],
        dropped={"tie": 3},
        figures={"select": {"band": {"in": 1.0}}},
    )
    same = diff_rounds(open_round(rounds.store, "1"), open_round(rounds.store, "1"))
    assert not (
        same.round
        or same.rows
        or same.dropped
        or same.figures
        or same.recipe
        or same.prompts
        or same.code
        or same.validation
    )
    assert all(drift.drift in (0, None) for drift in same.columns)
    assert {name: (q.added, q.gone, q.relabelled) for name, q in same.questions.items()} == dict.fromkeys(
        ("questions", "selections", "probe"), (0, 0, 0)
    )
    assert same.unread == []


def test_manifests_are_compared_too(rounds):
    score = Score(accuracy=0.5, low=0.4, high=0.6, n=100)
    better = score.model_copy(update={"accuracy": 0.7})
    failed = {"validate": {"passed": False, "failures": ["few rows"], "tables": {}}}
    publish(rounds, {"a": ("1", 8)}, git="g1", scores={"sums": {"candidate": score}}, dropped={"tie": 1, "copy": 2})
    publish(
        rounds, {"a": ("1", 8), "b": ("1", 8)}, git="g2", scores={"sums": {"candidate": better}}, dropped={"tie": 4},
        figures={"vote": {"precision": score.model_dump(mode="json"), "read": {"box": 3}}},
        versions={"torch": "2"}, validation=failed,
    )  # fmt: skip
    found = compared(rounds)
    told = {section: [(c.name, c.before, c.after) for c in getattr(found, section)] for section in diff_sections}
    assert told["code"] == [("commit", "g1", "g2"), ("torch", None, "2")]
    assert told["recipe"] == [("seed", 1, 2)]
    assert told["dropped"] == [("copy", 2, None), ("tie", 1, 4)]
    assert told["figures"] == [("vote read box", None, "3")]
    assert told["rows"] == [("questions", 1, 2), ("verdicts", 1, 2)]
    assert told["validation"] == [("validate", None, {"passed": False, "failures": ["few rows"]})]
    assert [(s.name, s.before, s.after) for s in found.scores] == [
        ("sums candidate", score, better),
        ("vote precision", None, score),
    ]
    assert "candidate" in [name for name, _, _ in told["round"]]


diff_sections = ("round", "rows", "dropped", "figures", "recipe", "code", "validation")


def test_what_cannot_be_read_is_named_and_the_rest_is_compared(rounds):
    publish(rounds, {"a": ("1", 8)}, stages={"solve": "k1"})
    publish(rounds, {"a": ("2", 8)}, stages={"solve": "k2"})
    folder = rounds.lineage.round_folder(2)
    (folder / "recipe.toml").write_text("seed = ")
    (folder / "stages").mkdir()
    (folder / "stages/solve-k2.json").write_bytes(orjson.dumps({"stage": "solve"})[:9])
    found = compared(rounds)
    assert found.unread == [
        "small/round-0001/stages/solve-k1.json",
        "small/round-0002/recipe.toml",
        "small/round-0002/stages/solve-k2.json",
    ]
    assert found.recipe == []
    assert found.questions["questions"].relabelled == 1


def test_a_table_that_is_not_what_was_written_stops_the_comparison(rounds):
    publish(rounds, {"a": ("1", 8)})
    publish(rounds, {"a": ("2", 8)})
    next(rounds.lineage.round_folder(2).glob("verdicts/*/*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(Damaged, match="round-0002/verdicts"):
        compared(rounds)


def test_rounds_without_tables_compare_as_empty(rounds):
    rounds.publish("failed")
    rounds.publish("promoted")
    found = compared(rounds)
    assert found.questions == {}
    assert ("decision", "failed", "promoted") in [(c.name, c.before, c.after) for c in found.round]


def test_it_is_json_and_megabytes_of_text_and_of_flips_stay_out_of_it(rounds, monkeypatch):
    monkeypatch.setattr(diff, "FLIPS", 2)
    texts = ["x" * 2**20 + str(n) for n in range(4)]
    publish(rounds, {text: ("1", 8) for text in texts} | {"y" * 2**20: ("1", 1)})
    publish(rounds, {text: ("2", 8) for text in texts})
    found = compared(rounds)
    flips = found.questions["questions"]
    assert (flips.relabelled, len(flips.flips), flips.gone) == (4, 2, 1)
    assert len(json.dumps(found.model_dump(mode="json"))) < 50_000
