"""SQLM on the tiny model: a prompt without data, questions from it, and votes that reward both roles."""

import pytest

from schemas.alarms import Alarms
from schemas.dropped import DROPPED
from schemas.inputs import BENCHMARK_ITEMS
from schemas.posing import PoseTopic
from schemas.questions import QUESTIONS
from schemas.settings import Contamination, Sampling
from tasks.audit.alarms import near_duplicates
from tasks.audit.rejudge import rejudge
from tasks.pose import pose
from tasks.prompts import load_prompt
from tasks.roles import Role

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "pose.prompts": 16, "data.probe.sample": 12, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "train.policy.every": {"proposer": 2},
    "evaluate.num_samples": 0, "validation.min_policy_rows": 5, "validation.min_vote_precision": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("sqlm", SMALL, sample=40), tmp_path_factory.mktemp("sqlm"))


def test_the_proposer_is_shown_nothing_but_its_prompt(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        proposals = rows_of(lineage, m, "proposals")
        assert {(row["prompt"], *row["shown_ids"]) for row in proposals} == {("1.",)}
        assert sorted(row["prompt_index"] for row in proposals) == sorted([*range(16)] * 4)
        assert not rows_of(lineage, m, "answer_keys")
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        asked = [row["question_id"] for row in rows_of(lineage, m, "attempts") if row["question_id"] in probe]
        assert sorted(asked) == sorted([*probe] * 4), "each once, in its own wave"
    first, second = ({row["text"] for row in rows_of(lineage, m, "proposals")} for m in lineage.manifests)
    assert first != second


def test_a_question_pays_where_attempts_neither_all_agree_nor_all_differ_and_a_bad_proposal_is_not_trained_on(played):
    _, lineage = played
    for m in lineage.manifests:
        rewards = {row["row_id"]: row for row in rows_of(lineage, m, "rewards")}
        votes = {row["question_id"]: row["votes"] for row in rows_of(lineage, m, "verdicts")}
        asked = {row["proposal_id"]: row["id"] for row in rows_of(lineage, m, "questions")}
        trained = {row["sample_id"] for row in rows_of(lineage, m, "advantages")}
        for proposal in (row["id"] for row in rows_of(lineage, m, "proposals")):
            if question := asked.get(proposal):
                assert rewards[proposal]["reward"] == float(1 < votes[question] < 4)
            else:
                assert rewards[proposal]["reward"] is None and proposal not in trained
        groups = {row["sample_id"]: row["group"] for row in rows_of(lineage, m, "advantages")}
        index = {row["id"]: row["prompt_index"] for row in rows_of(lineage, m, "proposals")}
        assert all(groups[name] == f"prompt {index[name]}" for name in groups if name in index)


def test_the_proposer_is_trained_every_second_wave_and_the_solver_in_each(played):
    _, lineage = played
    for m in lineage.manifests:
        by_wave = [lineage.stage_record(m.round, "train", m.stages[f"train.wave-{wave}"]) for wave in (1, 2)]
        assert [len(record.inputs["advantages"]) for record in by_wave] == [2, 3], "tables, and what was dropped"


def test_a_proposer_that_writes_one_question_is_named_by_an_alarm(draft, given, recipe, tiny, tmp_path):
    topic = PoseTopic(
        prompt="pose_sums_topic", prompts=8, num_samples=2, prompts_per_shard=8, pattern=r"^1\. (\S+)$",
        sampling=Sampling(temperature=0, max_tokens=24, stop=("\n",)),
    )  # fmt: skip
    item = {"id": "b", "benchmark": "b", "sealed": False, "question": "1+1", "reference": "2", "source_row": 0}
    figures = pose(
        draft, settings=topic, proposer=Role(recipe.engine, load_prompt("pose_sums_topic", tmp_path), tiny),
        benchmark_items=given(BENCHMARK_ITEMS, [item]), checks=recipe.answers, protection=Contamination(), round=1,
    )  # fmt: skip
    assert figures == {"proposals": 16, "questions": 1}
    tables = {table.name: draft.read(draft.tables()[table.name]) for table in (QUESTIONS, DROPPED)}
    assert set(tables["dropped"]["reason"].to_pylist()) == {"not_new"}
    found = near_duplicates(**tables)
    assert found.figure == 15 / 16 > Alarms().near_duplicates.threshold


def test_every_command_works_and_a_trained_row_is_explained_up_to_its_proposal(played, tmp_path):
    path, lineage = played
    trained = next(
        row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["sample_id"].startswith("attempts")
    )
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    assert story["tables"].keys() >= {"proposals", "questions", "attempts", "verdicts", "rewards"}


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/train-*")


def test_its_votes_are_counted_again_though_nothing_is_selected(played):
    _, lineage = played
    found = rejudge(lineage, lineage.manifests[0], None, lambda *_: None)
    assert found.questions and found.labels == [] and found.selections == []
    assert (found.selected_before, found.selected_after) == (0, 0)
