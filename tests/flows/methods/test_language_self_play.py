"""Language Self-Play on the tiny model: a challenger and a solver of one policy, and the base that grades both."""

import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput
from schemas.losses import Policy
from tasks.advantage import token_advantages
from tasks.statistics.difficulty import wrong_share

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "pose.documents": 12, "solve.num_samples": 3, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 16, "train.policy.rows_at_once": 16, "evaluate.num_samples": 0,
    "data.probe.sample": 4, "validation.min_policy_rows": 5, "gate.sealed": None,
}  # fmt: skip
ZERO = SMALL | {"grade": None, "data.probe": None}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("language_self_play", SMALL, sample=40), tmp_path_factory.mktemp("lsp"))


def given_by(lineage, m, judge):
    return {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards") if row["judge"] == judge}


def mean(values):
    return sum(values) / len(values)


def test_the_solver_earns_what_is_right_and_good_and_is_held_against_its_question(played):
    _, lineage = played
    for m in lineage.manifests:
        right, good = given_by(lineage, m, "reference"), given_by(lineage, m, "rubric")
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"] in right]
        groups: dict[str, list[float]] = {}
        for row in rows:
            assert row["reward"] == pytest.approx(right[row["sample_id"]] + good[row["sample_id"]])
            groups.setdefault(row["group"], []).append(row["reward"])
        assert len(groups) > 10
        for row in rows:
            assert row["advantages"][0] == pytest.approx(row["reward"] - mean(groups[row["group"]]), abs=1e-5)


def test_the_challenger_wins_what_the_solver_loses_against_all_questions_of_the_wave(played):
    _, lineage = played
    for m in lineage.manifests:
        right, good, earned = (given_by(lineage, m, judge) for judge in ("reference", "rubric", "solver"))
        asked = {row["proposal_id"]: row["id"] for row in rows_of(lineage, m, "questions")}
        attempts: dict[str, list[str]] = {}
        for row in rows_of(lineage, m, "attempts"):
            attempts.setdefault(row["question_id"], []).append(row["id"])
        for proposal, question in asked.items():
            marks = [right[name] for name in attempts[question]]
            graded = [good[name] for name in attempts[question] if good[name] is not None]
            assert earned[proposal] == (pytest.approx(1 - mean(marks) + mean(graded)) if graded else None)
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"] in earned]
        wave = {row["id"]: row["wave"] for row in rows_of(lineage, m, "proposals")}
        for number in (0, 1):
            of_wave = [row for row in rows if wave[row["sample_id"]] == number]
            against = mean([row["reward"] for row in of_wave])
            assert {row["group"] for row in of_wave} == {"all"}
            for row in of_wave:
                assert row["advantages"][0] == pytest.approx(row["reward"] - against, abs=1e-5)


def test_quality_is_graded_by_the_frozen_base_and_both_are_pulled_to_it(played):
    _, lineage = played
    for m in lineage.manifests:
        assert {row["checkpoint"] for row in rows_of(lineage, m, "grades")} == {m.base.digest}
        assert all(row["reference_logps"] for row in rows_of(lineage, m, "advantages"))
        assert m.trained_on == {"policy": len(rows_of(lineage, m, "advantages"))}


def advantages_of(groups):
    """groups: group -> rewards; by the recipe's own settings, without a KL."""
    settings = Policy(
        waves=1, steps=1, batch_size=1, rows_at_once=1, learning_rate=1e-4, schedule="constant", max_length=9,
        advantage="group", scale="none", filter="after", clip_low=0.2, clip_high=0.2, reduction="constant",
    )  # fmt: skip
    rows = [{"group": name, "reward": reward, "old_logps": [0.0]} for name, of in groups.items() for reward in of]
    return [value for (value,) in token_advantages(settings, rows)]


def test_of_two_questions_the_papers_own_numbers_come_out():
    rewards = {"q1": [1.0, 0.0], "q2": [1.0, 1.0]}
    assert advantages_of(rewards) == [0.5, -0.5, 0, 0]
    values = [mean(of) for of in rewards.values()]
    assert values == [0.5, 1]
    assert advantages_of({"all": [wrong_share(v) for v in values]}) == [0.25, -0.25]


def test_nonsense_beats_every_question_of_lsp_zero_and_none_whose_quality_counts():
    """Its failure mode: nobody answers nonsense, or a question with a wrong key, and the challenger wins most by it.
    What the base says of quality, from 0 to 1, outweighs that."""
    solved, quality = {"hard": 0.25, "easy": 0.75, "nonsense": 0.0}, {"hard": 0.9, "easy": 0.9, "nonsense": 0.0}
    zero = advantages_of({"all": [wrong_share(p) for p in solved.values()]})
    whole = advantages_of({"all": [wrong_share(p) + quality[name] for name, p in solved.items()]})
    assert zero.index(max(zero)) == 2
    assert whole.index(max(whole)) == 0 and whole.index(min(whole)) == 2


def test_lsp_zero_grades_nothing(tmp_path):
    changes = ZERO | {"rounds": 1, "pose.documents": 6, "train.policy.waves": 1, "validation.min_policy_rows": 1}
    _, lineage = two_rounds(small("language_self_play", changes, sample=20), tmp_path)
    first = lineage.manifests[0]
    assert not {"grades", "probe_grades"} & first.tables.keys()
    right = given_by(lineage, first, "reference")
    for row in rows_of(lineage, first, "advantages"):
        assert row["reward"] == right.get(row["sample_id"], row["reward"])


@pytest.mark.parametrize("without", ["grade", "data.probe"])
def test_a_judge_that_nobody_measures_is_refused(without):
    with pytest.raises(BadInput, match=r"\[grade\] and \[data.probe\] go together"):
        read_recipe(small("language_self_play", SMALL | {without: None}))


def test_every_command_works_and_a_trained_question_is_explained_up_to_what_the_challenger_was_shown(
    played, tmp_path
):
    path, lineage = played
    trained = next(
        row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["sample_id"].startswith("prop")
    )
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (brought,) = story["tables"]["inputs/documents"]
    assert brought["source"]["key"] == "data.documents"


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/grade-*")
