"""Self-rewarding on the tiny model: it grades its own answers several times, and what that is worth is known."""

import os

import pytest

from schemas.manifest import Score
from tasks.store.lineage import open_lineage

from ..killing import LINEAGE, Moment, Victim, command
from ..shipped import every_command_works, rows_of, small, two_rounds

SMALL = {
    "name": LINEAGE, "rounds": 1, "data.probe.sample": 20, "propose.target": 40, "propose.prompts_per_wave": 32,
    "grade.questions_per_shard": 16, "train.dpo.steps": 2, "evaluate.num_samples": 0,
    "validation.min_preference_pairs": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("self_rewarding", SMALL, sample=100), tmp_path_factory.mktemp("self_rewarding"))


@pytest.fixture
def path(played):
    return played[0]


@pytest.fixture
def lineage(played):
    return played[1]


def test_the_champion_grades_each_of_its_attempts_as_often_as_asked(lineage):
    for m in lineage.manifests:
        assert {"propose", "screen", "solve", "grade", "build", "train", "gate"} <= m.stages.keys()
        assert not {"vote", "select"} & m.stages.keys()
        attempts = {row["id"] for row in rows_of(lineage, m, "attempts")}
        grades = rows_of(lineage, m, "grades")
        assert {row["checkpoint"] for row in grades} == {m.champion.digest}
        assert sorted(row["attempt_id"] for row in grades) == sorted(3 * list(attempts))


def test_a_pair_is_the_attempt_of_the_best_mean_grade_against_that_of_the_worst(lineage):
    for m in lineage.manifests:
        asked = {row["id"]: row["question_id"] for row in rows_of(lineage, m, "attempts")}
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        grades: dict[str, list[float]] = {}
        for row in rows_of(lineage, m, "grades"):
            if row["grade"] is not None:
                grades.setdefault(row["attempt_id"], []).append(row["grade"])
        for attempt, reward in given.items():
            mean = sum(grades[attempt]) / len(grades[attempt]) / 9 if attempt in grades else None
            assert reward == pytest.approx(mean)
        pairs = rows_of(lineage, m, "preference_pairs")
        assert len(pairs) >= 10
        for pair in pairs:
            rewards = [
                given[attempt]
                for attempt, question in asked.items()
                if question == pair["question_id"] and given[attempt] is not None
            ]
            assert given[pair["chosen_attempt_id"]] == max(rewards) > min(rewards)
            assert given[pair["rejected_attempt_id"]] == min(rewards)


def test_the_judge_is_measured_on_the_probe_every_round(lineage):
    for m in lineage.manifests:
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        graded, tried = rows_of(lineage, m, "probe_grades"), rows_of(lineage, m, "persuasions")
        assert {row["question_id"] for row in graded} == probe and len(graded) == 4 * len(probe)
        assert {row["question_id"] for row in tried} <= probe
        figures = lineage.stage_record(m.round, "grade", m.stages["grade"]).figures
        precision, persuaded = (Score.model_validate(figures[name]) for name in ("precision", "persuaded"))
        assert 0 < precision.low < precision.accuracy < precision.high < 1 and precision.n == len(probe)
        assert persuaded.n + persuaded.undecided == len(tried)
        watched = lineage.stage_record(m.round, "alarms", m.stages["alarms"]).figures["figures"]
        assert watched["judge_precision"] == precision.high and watched["judge_persuaded"] == persuaded.low


def test_nothing_that_touches_a_protected_row_is_answered(lineage):
    for m in lineage.manifests:
        apart = {row["row_id"] for row in rows_of(lineage, m, "contamination")}
        assert not apart & {row["question_id"] for row in rows_of(lineage, m, "attempts")}


@pytest.mark.slow
def test_a_round_that_is_killed_while_it_grades_ends_as_if_it_never_was(path, lineage, tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    victim = Victim(command, path, tmp_path / "store", environment)
    assert victim.wait_for(Moment("grade", "a shard is whole", "grades/*/part-*"))
    assert victim.kill() and not (victim.round / "manifest.json").exists()
    again = command(["run", str(path), "--store", str(tmp_path / "store")], environment, tmp_path / "again.log")
    assert again.wait() == 0, (tmp_path / "again.log").read_text()
    assert "resumed at shard" in (tmp_path / "again.log").read_text()
    (found,) = open_lineage(tmp_path / "store", LINEAGE).manifests
    whole = lineage.manifests[0]
    assert (found.candidate, found.stages, found.scores) == (whole.candidate, whole.stages, whole.scores)
    for name, refs in whole.tables.items():
        assert [ref.digest for ref in refs] == [ref.digest for ref in found.tables[name]], name


def test_every_command_works_and_a_pair_is_explained_up_to_the_users_seeds(path, lineage, tmp_path):
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    story = every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)
    assert {found["source"]["key"] for found in story["tables"]["inputs/seeds"]} == {"data.seeds"}
    sides = {pair["chosen_attempt_id"], pair["rejected_attempt_id"]}
    assert sides <= {told["row"]["row_id"] for told in story["tables"]["rewards"]}
    assert sides <= {told["row"]["attempt_id"] for told in story["tables"]["grades"]}
