"""eva on the tiny model: sums whose grades lie apart are rewritten, and each prompt's best answer stands against its
worst."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput
from schemas.manifest import Score
from tasks import evolve
from tasks.statistics.information import probabilities, reward_gap

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "data.seeds.sample": 12, "data.probe.sample": 10, "evolve.target": 48, "evolve.prompts_per_shard": 20,
    "train.dpo.steps": 2, "evaluate.num_samples": 0, "validation.min_preference_pairs": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("eva", SMALL, sample=60), tmp_path_factory.mktemp("eva"))


def test_a_seed_is_rewritten_the_more_often_the_farther_its_rewards_lie_apart(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        attempts = sorted(rows_of(lineage, m, "attempts"), key=lambda row: row["sample"])
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        weights = {row["seed_id"]: row for row in rows_of(lineage, m, "prompt_weights")}
        assert weights.keys() == {row["id"] for row in rows_of(lineage, m, "inputs/seeds")}
        for seed, row in weights.items():
            rewards = [given[attempt["id"]] for attempt in attempts if attempt["question_id"] == seed]
            assert row["rewards"] == rewards and row["information"] == reward_gap(rewards)
        chances = probabilities([row["information"] for row in weights.values()])
        assert [row["probability"] for row in weights.values()] == pytest.approx(chances)
        shown = [row["shown_ids"][0] for row in rows_of(lineage, m, "proposals")]
        assert len(shown) == 48 == sum(row["draws"] for row in weights.values())
        for seed, row in weights.items():
            assert shown.count(seed) == row["draws"] and (row["information"] > 0 or row["draws"] == 0)


@pytest.mark.parametrize(
    ("drawn", "chances"), [("by_information", [1.0, 0.0, 0.0]), ("uniform", [1 / 3, 1 / 3, 1 / 3])]
)
def test_the_ablation_draws_all_seeds_alike(drawn, chances):
    rewards = {"a": (0.0, 1.0), "b": (0.5, 0.5), "c": (1.0, 1.0)}
    attempts = [{"id": f"{q}{n}", "question_id": q, "sample": n} for q in rewards for n in (0, 1)]
    judged = [{"row_id": row["id"], "reward": rewards[row["question_id"]][row["sample"]]} for row in attempts]
    draft = SimpleNamespace(read=lambda table: table, row_id=lambda _, seed: seed, random_seed=lambda _: 1)
    settings = read_recipe(small("eva", SMALL | {"evolve.drawn": drawn})).evolve
    tables = (pa.Table.from_pylist(rows) for rows in (attempts, judged))
    found = evolve._weights(draft, settings, [*rewards], *tables)
    assert [row["probability"] for row in found] == pytest.approx(chances)
    assert [row["information"] for row in found] == [1.0, 0.0, 0.0], "what is known of a seed stays the same"
    assert sum(row["draws"] for row in found) == 48


def test_rewritings_in_depth_and_in_breadth_are_new_sums(played):
    _, lineage = played
    for m in lineage.manifests:
        seeds = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/seeds")}
        proposals = {row["id"]: row for row in rows_of(lineage, m, "proposals")}
        for row in proposals.values():
            seed = seeds[row["shown_ids"][0]]
            assert row["prompt"] == (f"1. {seed}\n2." if row["prompt_index"] % 2 else f"{seed[:3]}+")
        questions = rows_of(lineage, m, "questions")
        assert len({row["question"] for row in questions} - set(seeds.values())) == len(questions) > 20
        refused = [row for row in rows_of(lineage, m, "dropped") if row["stage"].startswith("evolve")]
        assert len(questions) + len(refused) == len(proposals)


def test_best_stands_against_worst_at_rewritings_and_at_the_seeds_themselves(played):
    _, lineage = played
    for m in lineage.manifests:
        asked = {row["id"]: row["question_id"] for row in rows_of(lineage, m, "attempts")}
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        pairs = rows_of(lineage, m, "preference_pairs")
        assert {pair["question_id"].partition("-")[0] for pair in pairs} == {"questions", "seeds"}
        for pair in pairs:
            rewards = [given[name] for name, question in asked.items() if question == pair["question_id"]]
            decided = [reward for reward in rewards if reward is not None]
            assert given[pair["chosen_attempt_id"]] == max(decided) > min(decided)
            assert given[pair["rejected_attempt_id"]] == min(decided)


def test_the_judge_is_measured_every_round(played):
    _, lineage = played
    for m in lineage.manifests:
        seeds, evolved = (m.figures[shown] for shown in ("grade", "grade.evolved"))
        assert Score.model_validate(seeds["precision"]).n == 10 and "precision" not in evolved


def test_every_command_works_and_a_pair_is_explained_up_to_the_seed_of_its_prompt(played, tmp_path):
    path, lineage = played
    pairs = rows_of(lineage, lineage.manifests[0], "preference_pairs")
    pair = next(pair for pair in pairs if pair["question_id"].startswith("questions"))
    story = every_command_works(path, lineage.store, tmp_path, pair["id"], lineage)
    assert {told["source"]["key"] for told in story["tables"]["inputs/seeds"]} == {"data.seeds"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"build.pairs": "all_combinations"}, "build.pairs other than 'best_worst' does not go with method = 'eva'"),
        ({"evolve.pattern": "(a)(b)"}, "evolve: pattern has 2 groups: expected one, the question"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes, line):
    with pytest.raises(BadInput, match=line):
        read_recipe(small("eva", changes))


def test_the_full_size_recipe_loads():
    assert read_recipe(shipped("eva_math")).evolve.target == 4 * read_recipe(shipped("eva_math")).data.seeds.sample


@pytest.mark.slow
def test_a_round_that_was_killed_while_rewriting_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "proposals/*/part-*")
