"""CoT-Self-Instruct on the tiny model: sums that it goes on to from two seeds, each with an answer of its own."""

import pytest

from flows.recipes import read_recipe

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "pose.documents": 40, "solve.num_samples": 6, "data.probe.sample": 20, "train.policy.waves": 2,
    "train.policy.steps": 2, "train.policy.batch_size": 32, "train.policy.rows_at_once": 32,
    "evaluate.num_samples": 0, "validation.min_policy_rows": 1, "validation.min_vote_precision": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("cot_self_instruct", SMALL, sample=60), tmp_path_factory.mktemp("cot"))


def test_a_question_goes_on_from_two_seeds_and_brings_its_answer(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        seeds = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/seeds")}
        proposals = {row["id"]: row for row in rows_of(lineage, m, "proposals")}
        keys = {row["question_id"]: row["answer"] for row in rows_of(lineage, m, "answer_keys")}
        questions = rows_of(lineage, m, "questions")
        assert len({tuple(row["shown_ids"]) for row in proposals.values()}) == 40 and len(questions) > 20
        for question in questions:
            proposal = proposals[question["proposal_id"]]
            first, second = (seeds[shown] for shown in proposal["shown_ids"])
            assert question["question"].startswith(f"{first[:3]}+{second[0]}+")
            assert proposal["text"].endswith(f"#{keys[question['id']]}")


def test_a_question_is_kept_where_most_attempts_come_to_its_answer_unseen_and_not_nearly_all(played):
    _, lineage = played
    for m in lineage.manifests:
        keys = {row["question_id"]: row["answer"] for row in rows_of(lineage, m, "answer_keys")}
        verdicts = {row["question_id"]: row for row in rows_of(lineage, m, "verdicts")}
        kept = {row["question_id"]: row["answer"] for row in rows_of(lineage, m, "selections")}
        assert kept
        for question, verdict in verdicts.items():
            consistent = verdict["answer"] == keys[question] and verdict["agreement"] <= 0.9
            assert (question in kept) == consistent, verdict
            assert not consistent or kept[question] == keys[question]
        attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
        for row in rows_of(lineage, m, "advantages"):
            attempt = attempts[row["sample_id"]]
            assert row["kept"] and attempt["question_id"] in kept
            assert row["reward"] == float(attempt["text"].endswith(f"#{kept[attempt['question_id']]}"))


def test_every_command_works_and_a_trained_row_is_explained_up_to_its_two_seeds(played, tmp_path):
    path, lineage = played
    trained = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    assert [told["source"]["key"] for told in story["tables"]["inputs/seeds"]] == ["data.seeds"] * 2


def test_the_full_size_recipe_loads():
    assert read_recipe(shipped("cot_self_instruct_math")).pose.num_fewshots == 2


@pytest.mark.slow
def test_a_round_that_was_killed_while_posing_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "proposals/*/part-*")
