"""Preference losses in the trainer, on the tiny model, against the pure functions and against TRL's own."""

from typing import get_args

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.losses import Dpo, DpoLoss, Kto, Rspo, Spin, Sppo
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.training import Lora, Stop
from tasks.store.draft import Draft
from tasks.training.kto import unpaired
from tasks.training.losses import geometric_mixture, spin, sppo

from .preferences import HARD, ONE_STEP, SIDES, first_loss, ratios, win_rates


def test_spin_begins_at_a_loss_of_log_two_and_prefers_the_chosen_answers(play):
    _, tables = play(Spin(**ONE_STEP | {"steps": 3}))
    assert first_loss(tables) == pytest.approx(0.693147, abs=1e-5)
    last = max(tables["train_steps"], key=lambda row: row["step"])
    assert last["loss"] < 0.69
    assert last["reward_accuracy"] == 1.0


def test_spin_is_the_logistic_loss_on_the_stored_log_ratios(play, champion):
    _, tables = play(
        Rspo(**ONE_STEP, reference="champion", win_rates="pair", regularizer="entropy", weight=0.0), model=champion
    )
    moved = ratios(tables, "champion", "base")
    assert max(abs(ratio).max() for ratio in moved) > 0.05  # else the next line says nothing
    _, tables = play(Spin(**ONE_STEP, reference="base"), model=champion)
    assert first_loss(tables) == pytest.approx(float(spin(*moved, 0.1).mean()), rel=1e-4)


def test_what_references_say_is_the_sum_of_the_answers_log_probabilities(play, draft, tiny):
    _, tables = play(Spin(**ONE_STEP, reference="base"))
    folder = draft.checkpoint(tiny)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    stored = {row["pair_id"]: row for row in tables["reference_logps"]}
    assert {row["checkpoint"] for row in stored.values()} == {tiny.digest}
    for pair in play.pairs[:3]:
        for side in SIDES:
            prompt = tokenizer(pair["prompt"])["input_ids"]
            whole = prompt + tokenizer(pair[side], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
            with torch.no_grad():
                logps = model(torch.tensor([whole])).logits[0, :-1].log_softmax(-1)
            said = sum(float(logps[i - 1, whole[i]]) for i in range(len(prompt), len(whole)))
            assert stored[pair["id"]][f"{side}_logp"] == pytest.approx(said, abs=1e-3)


def test_a_mixture_is_the_geometric_mean_and_of_share_0_the_champion(play, champion):
    def mixed(share):
        return play(Spin(**ONE_STEP, reference="mixture", base_share=share), model=champion)

    alone = play(Spin(**ONE_STEP, reference="champion"), model=champion)
    assert mixed(0.0)[0]["checkpoint"] == alone[0]["checkpoint"]
    _, tables = mixed(0.25)
    said = {(row["reference"], row["pair_id"]): row for row in tables["reference_logps"]}
    expected = []
    for pair in play.pairs:
        sides = []
        for side in SIDES:
            champions, base = (torch.tensor(said[name, pair["id"]][f"{side}_logp"]) for name in ("champion", "base"))
            sides.append(champions - geometric_mixture(champions, base, 0.25))
        expected.append(float(spin(*sides, 0.1)))
    assert first_loss(tables) == pytest.approx(sum(expected) / 8, rel=1e-4)


def test_references_are_asked_once_and_a_resumed_run_reads_what_they_said(play, draft, champion):
    place = Draft(draft.lineage, 1, "train", "f" * 32, seed=1)
    settings = Rspo(**ONE_STEP | {"steps": 3}, win_rates="pool", regularizer="reverse_kl", weight=0.1)
    whole = play(settings, model=champion)

    def die(done, total, unit):
        if done == 2:
            raise KeyboardInterrupt

    place.report = die
    with pytest.raises(KeyboardInterrupt):
        play(settings, model=champion, in_draft=place)
    written = {path: path.stat().st_mtime_ns for path in (place.folder / "reference_logps" / place.key).iterdir()}
    assert len(written) == 2
    place.report = lambda done, total, unit: None
    assert play(settings, model=champion, in_draft=place)[0] == whole[0]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_method_after_sft_is_held_to_where_sft_ended(play, champion):
    settings = {"methods": ("sft", "dpo"), "dpo": HARD.model_copy(update={"reference": "start"})}
    _, tables = play(**settings)
    assert {row["checkpoint"] for row in tables["reference_logps"]} == {None}
    assert min(row["loss"] for row in tables["train_steps"] if row["method"] == "dpo") == pytest.approx(50, rel=1e-5)


@pytest.mark.parametrize("loss", get_args(DpoLoss))
def test_every_loss_of_trls_takes_a_step(play, champion, loss):
    smoothing = 0.1 if loss in ("robust", "exo_pair", "aot", "aot_unpaired") else 0.0
    settings = Dpo(**ONE_STEP, reference="base", loss_type=(loss,), loss_weights=(1.0,), label_smoothing=smoothing)
    figures, _ = play(settings, model=champion)
    assert figures["checkpoint"] != champion.digest


def test_losses_of_trls_are_added_by_their_weights(play, champion):
    def loss(**weights):
        kinds = {"loss_type": tuple(weights), "loss_weights": tuple(weights.values())}
        return first_loss(play(Dpo(**ONE_STEP, reference="base", **kinds), model=champion)[1])

    sigmoid, hinge = loss(sigmoid=1.0), loss(hinge=1.0)
    assert sigmoid != pytest.approx(hinge, rel=0.05)
    assert loss(sigmoid=0.5, hinge=2.0) == pytest.approx(0.5 * sigmoid + 2 * hinge, rel=1e-5)


def test_kto_begins_where_nothing_is_gained_or_lost(play, tiny):
    figures, tables = play(Kto(**ONE_STEP))
    assert first_loss(tables) == pytest.approx(0.5, abs=0.02)
    assert figures["checkpoint"] != tiny.digest


def test_kto_meets_both_kinds_of_attempts_from_the_first_step(given, draft, play):
    pairs = [
        pair | {"prompt_ids": [1], "chosen_ids": [2, i], "rejected_ids": [3, i]} for i, pair in enumerate(play.pairs)
    ]
    table = draft.read(given(PREFERENCE_PAIRS, pairs))
    rows = unpaired(table, seed=1)
    assert sum(row["label"] for row in rows) == len(play.pairs)
    assert {row["label"] for row in rows[:8]} == {True, False}
    assert sorted(row["completion_ids"] for row in rows if row["label"]) == [pair["chosen_ids"] for pair in pairs]
    assert rows == unpaired(table, seed=1) != unpaired(table, seed=2)


def test_kto_meets_an_attempt_once_however_many_pairs_it_is_in(given, draft, play):
    told = [pair | {"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [3]} for pair in play.pairs]
    pairs = [pair | {"chosen_attempt_id": "a"} for pair in told]
    golden = [pair | {"chosen_attempt_id": None, "question_id": f"q{i % 2}"} for i, pair in enumerate(told)]
    for rows, right in ((pairs, 1), (golden, 2)):
        labels = [row["label"] for row in unpaired(pa.Table.from_pylist(rows), seed=1)]
        assert (sum(labels), labels.count(False)) == (right, len(play.pairs))


def test_adapters_begin_at_their_reference(play):
    _, tables = play(Sppo(**ONE_STEP, win_rates="pair"), lora=Lora(rank=4, alpha=8))
    zero = torch.zeros(8)
    assert first_loss(tables) == pytest.approx(
        float(sppo(zero, zero, *win_rates(play.pairs, "pair"), 0.1).mean()), rel=1e-5
    )


def test_training_ends_at_the_step_where_entropy_falls_below_the_recipes_bound(play):
    figures, tables = play(Spin(**ONE_STEP | {"steps": 5}), stop=Stop(min_entropy=100))
    assert [row["step"] for row in tables["train_steps"]] == [1]
    assert figures["stopped"]["spin"].startswith("entropy ")


def test_training_ends_when_the_chosen_answers_become_unlikely_too(play):
    pushed = ONE_STEP | {"steps": 30, "learning_rate": 3e-2}
    figures, tables = play(HARD.model_copy(update=pushed), "dpo", stop=Stop(max_drift=3.0))
    last = max(tables["train_steps"], key=lambda row: row["step"])
    assert last["step"] < 30
    assert last["chosen_logratio"] < -3
    assert "log-ratio" in figures["stopped"]["dpo"]
