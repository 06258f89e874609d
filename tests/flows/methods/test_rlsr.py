"""RLSR on the tiny model: it answers generated sums and judges its own answers; its noise is measured as such."""

import re

import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput
from schemas.manifest import Score
from tasks.statistics.judges import measured_reward

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "data.tasks.count": 2400, "data.probe.count": 800, "solve.num_samples": 4, "train.policy.waves": 2,
    "train.policy.steps": 2, "train.policy.batch_size": 32, "train.policy.rows_at_once": 32,
    "evaluate.num_samples": 0, "validation.min_policy_rows": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("rlsr", SMALL, count=1500), tmp_path_factory.mktemp("rlsr"))


def final(attempt):
    """Its answer, "" for none."""
    found = re.findall(r"#(\d+)", attempt["text"]) if attempt["finish_reason"] == "stop" else []
    return found[-1] if found else ""


def figures_of(lineage, m, shown):
    return lineage.stage_record(m.round, shown.partition(".")[0], m.stages[shown]).figures


def test_an_attempt_is_paid_what_the_policy_itself_said_of_its_final_answer(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        verdicts = {row["attempt_id"]: row for row in rows_of(lineage, m, "grades")}
        rewards = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        assert rewards.keys() == {name for name, row in attempts.items() if row["question_id"] not in probe}
        for name, reward in rewards.items():
            stated = final(attempts[name])
            if name in verdicts:
                assert reward == verdicts[name]["grade"] and reward in (0, 1, None)
                assert verdicts[name]["checkpoint"] == attempts[name]["checkpoint"]
                assert verdicts[name]["prompt"].splitlines()[1] == f"#{stated}", "the final answer, not the steps"
            else:
                assert reward == 0 and not 1 <= len(stated) <= 3
        trained = {row["sample_id"]: row["reward"] for row in rows_of(lineage, m, "advantages")}
        assert trained and all(rewards[name] == reward for name, reward in trained.items())


def test_the_judge_is_held_against_an_exact_check_in_every_wave_and_no_reward_is_made_of_it(played):
    _, lineage = played
    for m in lineage.manifests:
        tasks = {row["id"]: row["reference"] for row in rows_of(lineage, m, "inputs/tasks")}
        attempts = {row["id"]: row for row in rows_of(lineage, m, "attempts")}
        formal = rows_of(lineage, m, "formal_verdicts")
        assert {row["attempt_id"] for row in formal} == {n for n, a in attempts.items() if a["question_id"] in tasks}
        for row in formal:
            assert row["right"] == (final(attempts[row["attempt_id"]]) == tasks[row["question_id"]])
        for wave in (1, 2):
            found = figures_of(lineage, m, f"measure_judge.wave-{wave}")
            for name in ("precision_of_yes", "recall_of_right"):
                assert Score.model_validate(found[name]).n and Score.model_validate(found[f"{name}_on_probe"]).n
            told = measured_reward(found["accuracy"], found["false_negative"], found["false_positive"])
            assert told == pytest.approx(figures_of(lineage, m, f"grade.wave-{wave}")["mean_reward"])
            advantages = lineage.stage_record(m.round, "advantage", m.stages[f"advantage.wave-{wave}"])
            graded = lineage.stage_record(m.round, "grade", m.stages[f"grade.wave-{wave}"])
            assert advantages.inputs["rewards"] == graded.tables["rewards"].digest


def test_no_question_is_trained_on_that_measures(played):
    _, lineage = played
    for m in lineage.manifests:
        tables = ("inputs/tasks", "inputs/probe", "inputs/benchmark_items")
        tasks, probe, items = ({row["question"] for row in rows_of(lineage, m, name)} for name in tables)
        assert not tasks & probe and not tasks & items and not probe & items


def test_every_command_works_and_a_trained_row_is_explained_up_to_its_seed(played, tmp_path):
    path, lineage = played
    trained = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (task,) = story["tables"]["inputs/tasks"]
    assert task["source"] == {"key": "data.tasks", "path": "chain_sum", "row": task["row"]["source_row"]}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"grade.scale": 5}, "grade: method = 'rlsr' needs scale = 1"),
        ({"grade.answer_pattern": None}, "grade: method = 'rlsr' needs scale = 1 and an answer_pattern"),
        ({"data.probe.first_seed": 15_999}, "data.probe.first_seed: data.tasks has some of these seeds"),
        ({"answers.equivalence": "countdown"}, "generator = 'chain_sum' with answers.equivalence = 'countdown'"),
        ({"data.tasks.generator": "sudoku"}, "data.tasks.generator = 'sudoku'"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes, line):
    with pytest.raises(BadInput, match=line):
        read_recipe(small("rlsr", changes))


def test_the_full_size_recipe_loads():
    assert read_recipe(shipped("rlsr_countdown")).data.tasks.generator == "countdown"


@pytest.mark.slow
def test_a_round_that_was_killed_while_judging_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "grades/*/part-*")
