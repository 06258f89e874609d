"""A round whose waves choose their questions: the choice follows from the tables, and a kill does not change it."""

from collections import Counter

import pytest

from flows.recipes import read_recipe
from schemas.attempts import ATTEMPTS
from schemas.curriculum import Replay
from schemas.errors import BadInput
from tasks.curriculum import chosen, earned
from tasks.store.identity import random_seed
from tasks.store.parquet import read_table

from .shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

WAVES = 4
SMALL = {
    "data.gold.sample": 40, "solve.num_samples": 4, "train.policy.waves": WAVES, "train.policy.steps": 1,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "evaluate.num_samples": 0,
    "validation.min_policy_rows": 1, "solve.curriculum": {"by": "replay", "stale_share": 0.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("rlsp", SMALL, sample=40), tmp_path_factory.mktemp("curriculum"))


def test_each_wave_asks_what_the_curriculum_draws_from_what_was_earned_before(played):
    _, lineage = played
    for m in lineage.manifests:
        texts = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/gold")}
        rewards = rows_of(lineage, m, "rewards")
        of_wave, again = [], 0
        for wave in range(1, WAVES + 1):
            solved = lineage.stage_record(m.round, "solve", m.stages[f"solve.wave-{wave}"])
            rows = read_table(lineage.folder, solved.tables["attempts"], ATTEMPTS).to_pylist()
            seed = random_seed(1, m.round, "curriculum", wave)
            names, figures = chosen(Replay(by="replay", stale_share=0.0), texts, 10, earned(of_wave, rewards), seed)
            assert {row["question_id"] for row in rows} == {*names}
            assert figures.items() <= solved.figures.items()
            of_wave.append(rows)
            again += figures["drawn"]["again"]
        asked = Counter(row["question_id"] for row in rows_of(lineage, m, "attempts"))
        assert again and max(asked.values()) > 4 and asked.total() == 40 * 4


@pytest.mark.slow
def test_every_command_works_and_a_trained_row_is_explained(played, tmp_path):
    path, lineage = played
    trained = next(row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["kept"])
    assert every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)["tables"]["inputs/gold"]


def test_a_method_whose_waves_ask_what_was_proposed_for_them_refuses_it():
    with pytest.raises(BadInput, match=r"solve\.curriculum.*rlsp"):
        read_recipe(small("quickstart_online", {"solve.curriculum": {"by": "replay"}}))


def test_an_unknown_curriculum_is_one_line():
    with pytest.raises(BadInput, match=r"solve\.curriculum"):
        read_recipe(small("rlsp", {"solve.curriculum": {"by": "luck"}}))


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/train-*")
