"""Just say, on the tiny model: its answer to a sum against its answer to another sum, and nobody judges."""

import pytest

from schemas.manifest import Score

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.unlabelled.sample": 60, "data.probe.sample": 20, "pair_prompted.closeness": [0.0, 1.0],
    "train.dpo.steps": 2, "evaluate.num_samples": 0, "validation.min_preference_pairs": 5,
    "validation.min_judge_precision": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("just_say", SMALL, sample=100), tmp_path_factory.mktemp("just_say"))


def rightness(row, text):
    total = sum(map(int, row["prompt"].rstrip("=\n").split("+")))
    return text.endswith(f"#{total}")


def test_a_pair_is_an_answer_under_each_prompt_on_the_plain_one(played):
    _, lineage = played
    m = lineage.manifests[0]
    attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
    questions = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/unlabelled")}
    pairs = rows_of(lineage, m, "preference_pairs")
    assert len(pairs) > 40
    for pair in pairs:
        plain = f"{questions[pair['question_id']]}=\n"
        assert pair["prompt"] == plain
        assert attempts[pair["chosen_attempt_id"]]["prompt"] == plain, "here the better prompt is the plain one"
        assert attempts[pair["rejected_attempt_id"]]["prompt"] not in ("", plain)
    margin = [rightness(pair, pair["chosen"]) - rightness(pair, pair["rejected"]) for pair in pairs]
    assert sum(margin) / len(margin) > 0.3, "by an external scorer, the sum itself"


def test_when_both_come_from_one_prompt_neither_is_better(played):
    _, lineage = played
    m = lineage.manifests[1]
    attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
    pairs = rows_of(lineage, m, "preference_pairs")
    assert len(pairs) >= 5
    for pair in pairs:
        chosen, rejected = attempts[pair["chosen_attempt_id"]], attempts[pair["rejected_attempt_id"]]
        assert chosen["prompt"] == rejected["prompt"] == pair["prompt"] and chosen["sample"] < rejected["sample"]
    figures = [
        lineage.stage_record(m.round, "pair_prompted", m.stages["pair_prompted"]).figures for m in lineage.manifests
    ]
    precisions = [Score.model_validate(each["precision"]).accuracy for each in figures]
    assert precisions[0] > 0.8 and [each["under_one_prompt"] for each in figures] == [0, len(pairs)]


def test_the_alarms_look_at_the_attempts_under_both_prompts(played):
    _, lineage = played
    for m in lineage.manifests:
        watched = lineage.stage_record(m.round, "alarms", m.stages["alarms"]).figures["figures"]
        assert watched["truncated"] is not None


def test_every_command_works(played, tmp_path):
    path, lineage = played
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    story = every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)
    assert story["tables"]["inputs/unlabelled"][0]["source"]["key"] == "data.unlabelled"


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/pair_prompted-*")
