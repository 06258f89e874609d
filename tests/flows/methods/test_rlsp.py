"""RLSP on the tiny model: sums of known answers, answered in waves; a right answer and its steps are rewarded."""

import pytest

from tasks.statistics.exploration import blended, exploration

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.gold.sample": 40, "solve.num_samples": 4, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "evaluate.num_samples": 0,
    "validation.min_policy_rows": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("rlsp", SMALL, sample=60), tmp_path_factory.mktemp("rlsp"))


def test_a_reward_is_correctness_and_the_steps_that_an_attempt_took_each_by_its_weight(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        solved = {row["id"]: row["completion"].rpartition("#")[2] for row in rows_of(lineage, m, "inputs/gold")}
        rewards = rows_of(lineage, m, "rewards")
        earned = {row["row_id"]: row["reward"] for row in rewards if row["judge"] == "exploration"}
        attempts = rows_of(lineage, m, "attempts")
        assert earned.keys() == {row["id"] for row in attempts}
        for attempt in attempts:
            ended = attempt["finish_reason"] == "stop"
            right = ended and attempt["text"].rpartition("#")[2] == solved[attempt["question_id"]]
            steps = exploration(attempt["text"].count("="), 6, 1.0)
            assert earned[attempt["id"]] == pytest.approx(blended(float(right), steps, 0.8)), attempt


def test_trained_is_on_these_rewards_and_every_question_is_asked_in_one_wave(played):
    _, lineage = played
    for m in lineage.manifests:
        earned = {r["row_id"]: r["reward"] for r in rows_of(lineage, m, "rewards") if r["judge"] == "exploration"}
        rows = rows_of(lineage, m, "advantages")
        assert rows and all(row["reward"] == earned[row["sample_id"]] for row in rows)
        asked = [row["question_id"] for row in rows_of(lineage, m, "attempts")]
        assert len(set(asked)) == 40 and len(asked) == 160


def test_every_command_works_and_a_trained_row_is_explained_up_to_the_users_solution(played, tmp_path):
    path, lineage = played
    trained = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (brought,) = story["tables"]["inputs/gold"]
    assert brought["source"]["key"] == "data.gold"


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/reward_exploration-*")
