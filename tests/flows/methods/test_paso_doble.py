"""PasoDoble on the tiny model: a proposer and a solver with weights of their own, who train where both can learn."""

import pytest

from schemas.tables import TABLES
from tasks.novelty.diversity import LAST, diversity, jaccard, word_set
from tasks.statistics.difficulty import hard_and_diverse
from tasks.store.parquet import read_table

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "pose.documents": 16, "pose.num_samples": 3, "solve.num_samples": 4, "train.policy.waves": 2,
    "train.policy.steps": 2, "train.policy.batch_size": 16, "train.policy.rows_at_once": 16,
    "evaluate.num_samples": 0, "gate.sealed": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("paso_doble", SMALL, sample=40), tmp_path_factory.mktemp("paso_doble"))


def in_order(lineage, m, table):
    """A table's rows of each wave."""
    return [read_table(lineage.folder, ref, TABLES[table]).to_pylist() for ref in m.tables[table]]


def test_two_policies_of_one_base_part_ways(played):
    _, lineage = played
    first, _ = lineage.manifests
    assert first.own["proposer"].base == first.base
    assert len({first.base.digest, first.candidate.digest, first.own_candidates["proposer"].digest}) == 3


def test_a_problem_earns_by_its_solution_rate_and_by_how_few_of_the_last_resemble_it(played):
    _, lineage = played
    before: list[frozenset[str]] = []
    for m in lineage.manifests:
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        marks: dict[str, list[float]] = {}
        for row in rows_of(lineage, m, "attempts"):
            marks.setdefault(row["question_id"], []).append(given[row["id"]])
        asked = {}
        for of_wave in in_order(lineage, m, "questions"):
            for row in sorted(of_wave, key=lambda row: row["position"]):
                words, p = word_set(row["question"]), sum(marks[row["id"]]) / len(marks[row["id"]])
                asked[row["proposal_id"]] = hard_and_diverse(p, diversity(words, before[-LAST:]))
                before.append(words)
        for proposal in rows_of(lineage, m, "proposals"):
            earned = given[proposal["id"]]
            assert earned == pytest.approx(asked[proposal["id"]]) if proposal["id"] in asked else earned in (0, None)
        assert len({*asked.values()}) > 2


def test_the_solver_trains_on_problems_that_are_solved_sometimes_and_more_than_a_fifth_of_the_time(played):
    _, lineage = played
    for m in lineage.manifests:
        rates: dict[str, list[float]] = {}
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        for row in rows_of(lineage, m, "attempts"):
            rates.setdefault(row["question_id"], []).append(given[row["id"]])
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"].startswith("attempts-")]
        assert rows
        for row in rows:
            assert row["kept"] == (0.2 < sum(rates[row["group"]]) / len(rates[row["group"]]) < 1)


def test_the_key_is_the_answer_of_the_worked_solution_and_nobody_shows_the_solver_more_than_the_problem(played):
    _, lineage = played
    for m in lineage.manifests:
        text = {row["id"]: row["prompt"] + row["text"] for row in rows_of(lineage, m, "proposals")}
        key = {row["question_id"]: row["answer"] for row in rows_of(lineage, m, "answer_keys")}
        asked = {row["id"]: row["question"] for row in rows_of(lineage, m, "questions")}
        for row in rows_of(lineage, m, "questions"):
            assert text[row["proposal_id"]].rpartition("#")[2] == key[row["id"]]
        assert {row["prompt"] for row in rows_of(lineage, m, "attempts")} == {f"{q}=\n" for q in asked.values()}


@pytest.mark.parametrize(
    ("p", "diverse", "earns"), [(0.2, 1, 0), (0.3, 1, 1.0), (0.5, 1, 0.8), (1, 1, 0.3), (0.5, 0.3, 0)]
)
def test_a_problem_earns_what_the_paper_says(p, diverse, earns):
    assert hard_and_diverse(p, diverse) == pytest.approx(earns)


def test_a_proposer_that_writes_one_problem_again_and_again_soon_earns_nothing():
    """Its failure mode: with its numbers changed the problem is as good as new to an exact comparison. Words tell
    them apart no better where all words of a short problem are numbers; that is not caught."""
    problem = "A farmer has {} apples and gives half of them to each of his two sons. How many does a son get?"
    before, earned = [word_set(f"An other problem {n} of {n + 1} words") for n in range(LAST)], []
    for n in range(LAST):
        words = word_set(problem.format(2 * n))
        earned.append(hard_and_diverse(0.5, diversity(words, before[-LAST:])))
        before.append(words)
    assert earned[0] == pytest.approx(0.8)
    assert earned == sorted(earned, reverse=True)
    assert next(n for n, each in enumerate(earned) if each == 0) == 0.7 * LAST
    assert jaccard(word_set("3+4+5"), word_set("6+7+8")) == 0


def test_rounds_whose_waves_train_nobody_fail_with_one_line(tmp_path):
    changes = SMALL | {"rounds": 1, "train.policy.waves": 1, "band": {"above": 0.98, "below": 0.99}}
    _, lineage = two_rounds(small("paso_doble", changes, sample=20), tmp_path)
    for m in lineage.manifests:
        assert (m.decision, m.candidate, m.own_candidates) == ("failed", None, {})
        assert m.reason.startswith("no wave had a row to train the policy on")
        assert not any(shown.startswith("train") for shown in m.stages)


def test_every_command_works_and_a_trained_problem_is_explained_up_to_its_passage(played, tmp_path):
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
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/train-*")
