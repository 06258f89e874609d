"""What cannot be trained on ends its round with one line, and never costs the champion."""

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.errors import BadInput
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage

OPTIMISER = {"steps": 2, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-3, "schedule": "constant"}
PAIRS = OPTIMISER | {"max_length": 128, "beta": 0.1}
DPO = PAIRS | {"loss_type": ["sigmoid"], "loss_weights": [1.0]}


@pytest.fixture
def play(tmp_path, write_recipe):
    def run(**changes):
        return run_recipe(write_recipe("small", **changes), tmp_path / "store", None, Console(to_stderr=True))

    return run


def test_an_all_unanimous_round_has_no_pair_to_train_on_and_fails_alone(play, tmp_path):
    greedy = {"temperature": 0.0, "max_tokens": 56}
    (failed,) = play(train__methods=["dpo"], train__sft=None, train__dpo=DPO, solve__sampling=greedy)
    assert (failed.decision, failed.candidate) == ("failed", None)
    assert failed.reason.startswith("train: no valid row of preference_pairs for dpo; what was dropped")
    lineage = open_lineage(tmp_path / "store", "small")
    built = lineage.stage_record(1, "build", failed.stages["build"])
    assert built.figures["preference_pairs"] == 0
    assert set(built.figures["without_pairs"]) == {"unanimous"}
    assert built.dropped == built.figures["without_pairs"]
    assert "dropped" not in {alarm.name for alarm in failed.alarms}, "the alarm for unanimity is another"
    assert lineage.champion(failed.base) == failed.base
    assert examine_store(tmp_path / "store").damage == ()


def test_too_few_pairs_fail_the_round_before_training(play):
    (failed,) = play(
        train__methods=["spin"], train__sft=None, train__spin=PAIRS, validation__min_preference_pairs=10_000
    )
    assert failed.reason.startswith("preference_pairs: expect_table_row_count_to_be_between(): observed ")
    assert "train" not in failed.stages


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"train__dpo": DPO | {"loss_type": ["sigmoyd"]}}, "train.dpo.loss_type.0 = 'sigmoyd': Input should be"),
        ({"train__dpo": DPO | {"loss_type": []}}, "train.dpo: loss_type and loss_weights need one entry a loss"),
        ({"train__dpo": DPO | {"loss_type": ["exo_pair"]}}, "loss_type = 'exo_pair' needs label_smoothing above 0"),
        ({"train__dpo": DPO | {"base_share": 0.5}}, "base_share goes with reference = 'mixture', and only with it"),
        ({"train__dpo": DPO | {"reference": "mixture"}}, "base_share goes with reference = 'mixture'"),
        ({"train__dpo": DPO | {"beta": 0}}, "train.dpo.beta = 0: Input should be greater than 0"),
        (
            {"train__methods": ["dpo", "spin"], "train__dpo": DPO, "train__spin": PAIRS},
            'one method, or "sft" and one',
        ),
        ({"train__dpo": DPO, "train__spin": PAIRS}, "[train.spin] goes with 'spin' in methods, and only with it"),
    ],
)
def test_settings_that_fit_no_loss_are_one_line_and_write_nothing(play, tmp_path, changes, line):
    with pytest.raises(BadInput) as told:
        play(train__sft=None, **{"train__methods": ["dpo"]} | changes)
    assert line in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "store").exists()
