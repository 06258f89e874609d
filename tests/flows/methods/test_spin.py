"""SPIN on the tiny model: gold against self, the opponents of both rounds, held to champion and base together."""

import pytest

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.gold.sample": 60, "train.spin.steps": 4, "train.spin.reference": "mixture", "train.spin.base_share": 0.25,
    "evaluate.num_samples": 0, "validation.min_preference_pairs": 10, "gate.level": 0.999, "gate.min_gain": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("spin", SMALL, sample=100), tmp_path_factory.mktemp("spin"))


def test_a_round_asks_the_gold_questions_and_nothing_else(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        assert {"collect", "solve", "pair_gold", "validate", "alarms", "train", "gate"} <= m.stages.keys()
        assert not {"propose", "vote", "select", "build"} & m.stages.keys()
        assert {row["checkpoint"] for row in rows_of(lineage, m, "attempts")} == {m.champion.digest}


def test_pairs_hold_gold_against_the_models_own_attempt_and_no_copy_of_gold(played):
    _, lineage = played
    for m in lineage.manifests:
        gold = {row["id"]: row for row in rows_of(lineage, m, "inputs/gold")}
        own = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
        pairs = rows_of(lineage, m, "preference_pairs")
        assert len(pairs) > 40
        for pair in pairs:
            assert pair["chosen"] == gold[pair["question_id"]]["completion"]
            assert pair["rejected"] == own[pair["rejected_attempt_id"]]["text"]
            assert pair["prompt"] == own[pair["rejected_attempt_id"]]["prompt"]
            assert pair["rejected"].strip() != pair["chosen"]


def test_the_second_round_meets_the_opponent_of_the_first_and_is_held_to_the_mixture(played):
    _, lineage = played
    first, second = lineage.manifests
    pairs = [rows_of(lineage, m, "preference_pairs") for m in (first, second)]
    assert first.trained_on == {"spin": len(pairs[0])}
    assert second.trained_on == {"spin": len(pairs[0]) + len(pairs[1])}
    assert second.built_on == [1]
    said = rows_of(lineage, second, "reference_logps")
    assert {row["reference"] for row in said} == {"champion", "base"}
    assert {row["pair_id"] for row in said} == {pair["id"] for of_round in pairs for pair in of_round}


def test_every_command_works_and_a_pair_is_explained_up_to_the_users_solution(played, tmp_path):
    path, lineage = played
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    story = every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)
    (brought,) = story["tables"]["inputs/gold"]
    assert (brought["source"]["key"], brought["row"]["completion"]) == ("data.gold", pair["chosen"])


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/solve-*", "stages/evaluate-*")
