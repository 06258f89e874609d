"""RSPO on the tiny model: SPPO's rounds, held to the champion and to the base."""

import pytest

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.unlabelled.sample": 50, "data.probe.sample": 10, "solve.num_samples": 4, "train.rspo.steps": 2,
    "evaluate.num_samples": 0, "validation.min_preference_pairs": 5, "gate.level": 0.999,
    "train.rspo.regularizer": "base_samples", "train.rspo.reverse_weight": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("rspo", SMALL, sample=100), tmp_path_factory.mktemp("rspo"))


def test_the_base_answers_every_question_once_for_the_regulariser_that_reads_its_answers(played):
    _, lineage = played
    base = lineage.manifests[0].champion.digest
    for m in lineage.manifests:
        asked = {row["id"] for row in rows_of(lineage, m, "inputs/unlabelled")}
        samples = rows_of(lineage, m, "base_samples")
        assert {row["question_id"] for row in samples} == asked and len(samples) == len(asked)
        assert {row["checkpoint"] for row in samples} == {base}


def test_two_fixed_models_are_in_the_loss(played):
    _, lineage = played
    for m in lineage.manifests:
        said = rows_of(lineage, m, "reference_logps")
        assert {row["reference"] for row in said} == {"champion", "base"}
        pairs = {row["id"] for row in rows_of(lineage, m, "preference_pairs")}
        assert len(pairs) >= 5 and pairs <= {row["pair_id"] for row in said}


def test_every_command_works(played, tmp_path):
    path, lineage = played
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/ask_base-*")
