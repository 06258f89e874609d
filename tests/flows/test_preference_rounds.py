"""Two rounds of a preference method with two references, mixed pairs and another rate in the second."""

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

RSPO = {
    "steps": 3, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-3, "schedule": "constant", "max_length": 128,
    "beta": 0.1, "win_rates": "pool", "regularizer": "base_samples", "weight": 0.1,
    "changes": [{"from_round": 2, "learning_rate": 5e-4, "beta": 0.5}],
}  # fmt: skip


@pytest.fixture(scope="module")
def lineage(tmp_path_factory, quickstart, written_recipe):
    folder = tmp_path_factory.mktemp("rspo")
    path = written_recipe(
        folder, quickstart, "small", train__methods=["rspo"], train__sft=None, train__rspo=RSPO,
        train__previous_rounds=1, gate__level=0.999, gate__min_gain=0.0,
    )  # fmt: skip
    run_recipe(path, folder / "store", 2, Console(to_stderr=True))
    return open_lineage(folder / "store", "small")


def rows(lineage, manifest, table):
    return [
        row
        for ref in manifest.tables.get(table, [])
        for row in read_table(lineage.folder, ref, TABLES[table]).to_pylist()
    ]


def test_the_second_round_trains_on_the_pairs_of_both(lineage):
    first, second = lineage.manifests
    pairs = [rows(lineage, m, "preference_pairs") for m in (first, second)]
    assert first.trained_on == {"rspo": len(pairs[0])}
    assert second.trained_on == {"rspo": len(pairs[0]) + len(pairs[1])}
    assert second.built_on == [1]


def test_rates_and_betas_are_those_of_the_round(lineage):
    records = [lineage.stage_record(m.round, "train", m.stages["train"]) for m in lineage.manifests]
    sections = [record.settings["settings"]["rspo"] for record in records]
    assert [(s["learning_rate"], s["beta"]) for s in sections] == [(1e-3, 0.1), (5e-4, 0.5)]


def test_both_references_of_every_pair_are_stored_with_whose_they_are(lineage):
    for m in lineage.manifests:
        said = rows(lineage, m, "reference_logps")
        assert {(row["reference"], row["checkpoint"]) for row in said} == {
            ("champion", m.champion.digest),
            ("base", m.base.digest),
        }
        assert len(said) == 2 * m.trained_on["rspo"]


def test_the_base_answers_every_selected_question_of_a_round_once(lineage):
    for m in lineage.manifests:
        said = rows(lineage, m, "base_samples")
        selected = {row["question_id"] for row in rows(lineage, m, "selections")}
        assert sorted(row["question_id"] for row in said) == sorted(selected)
        assert {row["checkpoint"] for row in said} == {m.base.digest}
        assert {pair["question_id"] for pair in rows(lineage, m, "preference_pairs")} <= selected
        assert explain(lineage, said[0]["id"]).subject["id"] == said[0]["question_id"]
        (home, *_) = follow(lineage, said[0]["question_id"]).rounds
        assert home["made"]["base_samples"] == [said[0]["id"]]
    first, second = lineage.manifests
    (read, *_) = rows(lineage, first, "base_samples")
    trained = [weights["digest"] for weights in follow(lineage, read["id"]).checkpoints]
    assert trained == [first.candidate.digest, second.candidate.digest]


def test_pairs_hold_the_win_rates_of_their_attempts(lineage):
    m = lineage.manifests[0]
    given = {row["row_id"]: row["reward"] for row in rows(lineage, m, "rewards")}
    rewards = {}
    for row in rows(lineage, m, "answers"):
        if row["valid"] and row["attempt_id"] in given:
            rewards.setdefault(row["question_id"], []).append(given[row["attempt_id"]])
    for pair in rows(lineage, m, "preference_pairs"):
        marks = rewards[pair["question_id"]]
        right = sum(marks)
        assert pair["chosen_winrate"] == pytest.approx((right / 2 + len(marks) - right) / len(marks))
        assert pair["rejected_winrate"] == pytest.approx((len(marks) - right) / 2 / len(marks))
        assert pair["pair_winrate"] == 1.0, "one that agrees against one that does not"


def test_such_rounds_are_whole_and_what_a_reference_said_has_a_story(lineage):
    assert examine_store(lineage.store).damage == ()
    row = rows(lineage, lineage.manifests[1], "reference_logps")[0]
    assert row["checkpoint"] in {found["digest"] for found in explain(lineage, row["id"]).checkpoints}
