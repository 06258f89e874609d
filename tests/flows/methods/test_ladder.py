"""LADDER on the tiny model: sums, with shorter sums as variants, checked by their value."""

import pytest

from flows.recipes import read_recipe

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "data.seeds.sample": 20, "solve.num_samples": 4, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "evaluate.num_samples": 0,
    "validation.min_policy_rows": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("ladder", SMALL, sample=60), tmp_path_factory.mktemp("ladder"))


def test_variants_are_answered_and_paid_by_an_exact_check_and_the_problems_are_not(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        roots = {row["id"] for row in rows_of(lineage, m, "inputs/seeds")}
        sums = {row["id"]: row["question"] for row in rows_of(lineage, m, "questions")}
        rewards = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
        assert attempts and rewards.keys() == attempts.keys()
        for name, attempt in attempts.items():
            total = sum(map(int, sums[attempt["question_id"]].split("+")))
            assert rewards[name] == float(attempt["text"].endswith(f"#{total}")), attempt
        trained = {attempts[row["sample_id"]]["question_id"] for row in rows_of(lineage, m, "advantages")}
        assert trained and trained <= sums.keys() and not trained & roots


def test_every_command_works_and_a_trained_row_is_explained_up_to_the_root_of_its_tree(played, tmp_path):
    path, lineage = played
    m = lineage.manifests[0]
    level = {row["id"]: row["wave"] for row in rows_of(lineage, m, "proposals")}
    deep = {row["id"] for row in rows_of(lineage, m, "questions") if level[row["proposal_id"]] == 1}
    attempts = {row["id"]: row["question_id"] for row in rows_of(lineage, m, "attempts")}
    trained = next(row for row in rows_of(lineage, m, "advantages") if attempts[row["sample_id"]] in deep)
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (root,) = story["tables"]["inputs/seeds"]
    assert root["source"]["key"] == "data.seeds"
    assert len(story["tables"]["questions"]) == 2, "the variant, and the one that it was made of"


def test_the_full_size_recipe_loads():
    assert read_recipe(shipped("ladder_integrals")).answers.equivalence == "integral"


@pytest.mark.slow
def test_a_round_that_was_killed_between_two_levels_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "proposals/*/part-*")
