"""SPIRAL on the tiny model: Kuhn poker against itself, and what the policy that came of it is worth."""

from itertools import groupby

import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput
from schemas.tables import TABLES
from tasks.store.parquet import read_table

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "play_games.episodes": 256, "play_games.episodes_per_shard": 128, "train.policy.waves": 3,
    "train.policy.steps": 8, "train.policy.batch_size": 128, "train.policy.rows_at_once": 128,
    "train.policy.learning_rate": 5e-4, "evaluate.samples_per_state": 256,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("spiral", SMALL, games=200), tmp_path_factory.mktemp("spiral"))


def figures_of(lineage, m, shown):
    return lineage.stage_record(m.round, shown.split(".")[0], m.stages[shown]).figures


def test_a_round_plays_its_games_in_waves_by_the_policy_of_the_moment(played):
    _, lineage = played
    first = lineage.manifests[0]
    assert {f"{stage}.wave-{n}" for stage in ("play_games", "seat_advantage", "train") for n in (1, 2, 3)} < set(
        first.stages
    )
    by = [{row["checkpoint"] for row in read_table(lineage.folder, ref, TABLES["turns"]).to_pylist()}
          for ref in first.tables["turns"]]  # fmt: skip
    made = [figures_of(lineage, first, f"train.wave-{n}")["checkpoint"] for n in (1, 2)]
    assert by == [{digest} for digest in (first.champion.digest, *made)]


def test_every_turn_is_held_against_its_seats_mean_over_all_games_before(played):
    _, lineage = played
    first = lineage.manifests[0]
    means, expected = [0.0, 0.0], {}
    for ref in first.tables["episodes"]:  # a wave each
        rows = read_table(lineage.folder, ref, TABLES["episodes"]).to_pylist()
        for row in sorted(rows, key=lambda row: row["number"]):
            for seat, value in enumerate(row["returns"]):
                expected[row["id"], seat] = value - means[seat]
                means[seat] = 0.95 * means[seat] + 0.05 * value
    turns = {row["id"]: row for row in rows_of(lineage, first, "turns")}
    found = rows_of(lineage, first, "advantages")
    assert len(found) + first.dropped.get("no_advantage", 0) + first.dropped.get("too_long", 0) == len(turns)
    for row in found:
        turn = turns[row["sample_id"]]
        assert row["advantages"] == [pytest.approx(expected[turn["episode_id"], turn["seat"]], abs=1e-5)]


def test_the_candidate_is_harder_to_exploit_than_the_base(played):
    _, lineage = played
    first = lineage.manifests[0]
    base, candidate = (figures_of(lineage, first, f"evaluate.{who}") for who in ("base", "candidate"))
    assert candidate["exploitability"] < base["exploitability"] - 0.05
    assert candidate["illegal"] < base["illegal"]
    assert first.scores["against-best"]["candidate"].accuracy > first.scores["against-best"]["base"].accuracy


def test_another_round_plays_other_games(played):
    _, lineage = played
    starts = [{row["start"] for row in rows_of(lineage, m, "episodes")} for m in lineage.manifests]
    assert len(starts) == 2 and starts[0].isdisjoint(starts[1])


def test_items_of_a_benchmark_are_met_in_pairs_by_every_checkpoint(played):
    _, lineage = played
    rows = sorted(rows_of(lineage, lineage.manifests[0], "evaluations"), key=lambda row: row["item_id"])
    open_ones = {
        row["id"] for row in rows_of(lineage, lineage.manifests[0], "inputs/benchmark_items") if not row["sealed"]
    }
    who = {
        item: {row["checkpoint"] for row in of_item}
        for item, of_item in groupby(rows, key=lambda row: row["item_id"])
    }
    assert {item for item, checkpoints in who.items() if len(checkpoints) == 2} >= open_ones


def test_every_command_works_and_a_turn_is_explained_up_to_its_game(played, tmp_path):
    path, lineage = played
    row = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    story = every_command_works(path, lineage.store, tmp_path, row["id"], lineage)
    assert story["tables"].keys() >= {"episodes", "turns", "rewards", "advantages"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"play_games.sampling.temperature": 0.7}, "play_games: 'policy' in train.methods"),
        ({"train.policy.kl": "reward"}, "the reward is the game's"),
        ({"train.policy.advantage": "batch", "train.policy.filter": "after"}, "train.policy.advantage does not go"),
        ({"answers.equivalence": "math"}, "a move is a word"),
        ({"play_games.illegal": 1.0}, "illegal must be below other"),
        (
            {
                "engine": {
                    "kind": "openai",
                    "url": "http://127.0.0.1:1/v1",
                    "api": "completions",
                    "concurrency": 1,
                    "timeout_seconds": 9,
                }
            },
            "a server has one",
        ),
    ],
)
def test_what_does_not_go_with_self_play_is_refused(changes, why):
    with pytest.raises(BadInput, match=why):
        read_recipe(small("spiral", SMALL | changes))


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    signs = ("stages/play_games-*", "stages/train-*", "stages/evaluate-*")
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, *signs)
