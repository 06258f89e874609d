"""SPPO on the tiny model: it compares its own answers, every two in both orders, and what that is worth is known."""

from collections import defaultdict

import pytest

from schemas.manifest import Score

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "parts": 2, "data.unlabelled.sample": 80, "data.probe.sample": 30, "solve.num_samples": 4, "train.sppo.steps": 2,
    "evaluate.num_samples": 0, "validation.min_preference_pairs": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("sppo", SMALL, sample=100), tmp_path_factory.mktemp("sppo"))


def by_question(attempts):
    groups = defaultdict(list)
    for row in attempts:
        if row["finish_reason"] == "stop":
            groups[row["question_id"]].append(row)
    return groups


def chance_of(comparisons):
    """(attempt, other) -> how often it is preferred, from the comparisons alone."""
    said = defaultdict(list)
    for row in comparisons:
        if row["prefers_first"] is not None:
            said[row["first_id"], row["second_id"]].append(row["prefers_first"])

    def chance(one, other):
        orders = [said[one, other], [not first for first in said[other, one]]]
        return sum(sum(order) / len(order) if order else 0.5 for order in orders) / 2

    return chance


def test_each_round_asks_its_part_of_the_questions_and_the_probe(played):
    _, lineage = played
    first, second = (
        {row["question_id"] for row in rows_of(lineage, m, "attempts")} for m in lineage.manifests
    )  # fmt: skip
    brought = lineage.manifests[0]
    asked = {row["id"] for name in ("unlabelled", "probe") for row in rows_of(lineage, brought, f"inputs/{name}")}
    parts = [{name.split("-", 2)[-1] for name in part} for part in (first, second)]
    assert len(first) + len(second) == len(asked) and not parts[0] & parts[1]


def test_win_rates_are_the_mean_chance_against_all_answers_and_the_best_meets_the_worst(played):
    _, lineage = played
    for m in lineage.manifests:
        groups = by_question(rows_of(lineage, m, "attempts"))
        chance = chance_of(rows_of(lineage, m, "comparisons"))
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        rates = {
            one["id"]: sum(chance(one["id"], other["id"]) for other in group) / len(group)
            for group in groups.values()
            for one in group
        }
        decided = {name: reward for name, reward in given.items() if reward is not None}
        assert len(decided) > 50
        assert decided == pytest.approx({name: rates[name] for name in decided})
        pairs = rows_of(lineage, m, "preference_pairs")
        assert len(pairs) >= 5
        for pair in pairs:
            chosen, rejected = pair["chosen_attempt_id"], pair["rejected_attempt_id"]
            pool = [decided[row["id"]] for row in groups[pair["question_id"]] if row["id"] in decided]
            won, lost = pair["chosen_winrate"], pair["rejected_winrate"]
            assert (won, lost) == pytest.approx((max(pool), min(pool))) and won > lost
            assert pair["pair_winrate"] == pytest.approx(chance(chosen, rejected))


def test_a_question_whose_answers_are_even_gives_no_pair_and_is_counted(played):
    _, lineage = played
    for m in lineage.manifests:
        paired = {row["question_id"] for row in rows_of(lineage, m, "preference_pairs")}
        dropped = {row["id"]: row["table"] for row in rows_of(lineage, m, "dropped") if row["stage"] == "build"}
        assert dropped and set(dropped.values()) == {"inputs/unlabelled"} and not paired & dropped.keys()
        built = lineage.stage_record(m.round, "build", m.stages["build"]).figures
        assert sum(built["without_pairs"].values()) == len(dropped)


def test_the_judge_is_measured_on_the_probe_and_of_the_probe_nothing_is_made(played):
    _, lineage = played
    for m in lineage.manifests:
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        of_probe = {row["id"] for row in rows_of(lineage, m, "attempts") if row["question_id"] in probe}
        assert of_probe and not of_probe & {row["row_id"] for row in rows_of(lineage, m, "rewards")}
        figures = lineage.stage_record(m.round, "prefer", m.stages["prefer"]).figures
        precision, first = (Score.model_validate(figures[name]) for name in ("precision", "prefers_first"))
        rows = rows_of(lineage, m, "probe_preferences")
        assert {row["question_id"] for row in rows} <= probe
        assert len(rows) >= precision.n + precision.undecided > 0 and first.n > 100


def test_every_command_works_and_a_pair_is_explained_up_to_the_users_question(played, tmp_path):
    path, lineage = played
    pair = rows_of(lineage, lineage.manifests[0], "preference_pairs")[0]
    story = every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)
    (brought,) = story["tables"]["inputs/unlabelled"]
    assert brought["source"]["key"] == "data.unlabelled"
    sides = {pair["chosen_attempt_id"], pair["rejected_attempt_id"]}
    assert sides <= {told["row"]["first_id"] for told in story["tables"]["comparisons"]}


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/prefer-*")
