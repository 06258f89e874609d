"""SPO on the tiny model: in waves, shares of wins as a policy gradient's rewards."""

import pytest

from schemas.errors import BadInput

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds
from .test_sppo import by_question, chance_of

SMALL = {
    "data.unlabelled.sample": 60, "data.probe.sample": 10, "solve.num_samples": 4, "train.policy.waves": 2,
    "train.policy.steps": 1, "train.policy.batch_size": 16, "train.policy.rows_at_once": 16,
    "evaluate.num_samples": 0, "validation.min_policy_rows": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("spo", SMALL, sample=100), tmp_path_factory.mktemp("spo"))


def test_a_reward_is_the_share_of_wins_over_the_others_and_its_advantage_is_over_their_mean(played):
    _, lineage = played
    for m in lineage.manifests:
        groups = by_question(rows_of(lineage, m, "attempts"))
        chance = chance_of(rows_of(lineage, m, "comparisons"))
        shares = {
            one["id"]: sum(chance(one["id"], other["id"]) for other in group if other is not one) / (len(group) - 1)
            for group in groups.values()
            for one in group
            if len(group) > 1
        }
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards") if row["reward"] is not None}
        assert len(given) > 50 and given == pytest.approx({name: shares[name] for name in given})
        rows = rows_of(lineage, m, "advantages")
        assert len(rows) >= 8
        for row in rows:
            assert row["reward"] == given[row["sample_id"]]
            others = [each["reward"] for each in rows if each["group"] == row["group"]]
            assert row["advantages"][0] == pytest.approx(row["reward"] - sum(others) / len(others))


def test_each_wave_is_judged_by_the_policy_of_that_moment(played):
    _, lineage = played
    for m in lineage.manifests:
        assert {"prefer.wave-1", "prefer.wave-2", "advantage.wave-2", "train.wave-2", "gate"} <= m.stages.keys()
        assert len({row["checkpoint"] for row in rows_of(lineage, m, "comparisons")}) == 2


def test_another_reward_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"prefer\.reward: method = 'spo' needs 'win_share'"):
        two_rounds(small("spo", {"prefer.reward": "win_rate"}), tmp_path)


def test_every_command_works(played, tmp_path):
    path, lineage = played
    row = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    every_command_works(path, lineage.store, tmp_path, row["id"], lineage)


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/prefer-*")
