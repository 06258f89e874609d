import json
import shutil
from dataclasses import replace

import pytest
import torch
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from upath import UPath

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.losses import Dpo
from schemas.manifest import CheckpointRef, ValidRows
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.training import Lora
from tasks.store.draft import Draft
from tasks.train import train
from tasks.training.adapters import base_of, rank_of, write_chained

DPO = Dpo(
    steps=3, batch_size=4, rows_at_once=2, learning_rate=1e-3, schedule="constant", max_length=64, beta=0.1,
    loss_type=("sigmoid", "sft"), loss_weights=(1.0, 0.2),
)  # fmt: skip


@pytest.fixture
def play(draft, given, recipe, tiny):
    right = {"prompt": "1+2+3+4=\n", "agreement": 0.75, "question_id": "q"}
    examples = [
        {
            "id": f"sft-{i}",
            "attempt_id": f"a{i}",
            "completion": f"1+2=3\n3+3=6\n6+4=10\n{'#' * (i == 3)}#{10 + i % 2}",
        }
        | right
        for i in range(8)
    ]
    pairs = [
        {
            "id": f"pair-{i}",
            "chosen_attempt_id": "a",
            "rejected_attempt_id": "b",
            "chosen": "#10",
            "rejected": f"#{i}",
            "chosen_winrate": 0.75,
            "rejected_winrate": 0.25,
            "pair_winrate": 1.0,
        }
        | right
        for i in range(8)
    ]
    invalid = {
        "table": "sft_examples",
        "stage": "validate",
        "reason": "r",
        "figure": None,
        "threshold": None,
        "text": None,
    }

    dropped = (given(DROPPED, [{"id": "sft-7"} | invalid]),)

    def run(stretches=1, into=draft, model=tiny, adapter=None, **changes):
        figures = train(
            into,
            stretches=stretches,
            settings=recipe.train.model_copy(update=changes),
            model=model,
            adapter=adapter,
            base=None,
            sft_examples=ValidRows(tables=(given(SFT_EXAMPLES, examples),), dropped=dropped),
            preference_pairs=ValidRows(tables=(given(PREFERENCE_PAIRS, pairs),), dropped=dropped),
        )
        return figures, draft.checkpoint(CheckpointRef(digest=figures["checkpoint"]))

    return run


def test_sft_takes_real_steps_and_leaves_a_checkpoint_that_transformers_loads(draft, play, tiny):
    figures, folder = play()
    steps = draft.read(draft.tables()["train_steps"]).to_pylist()
    assert sorted(row["step"] for row in steps) == [1, 2, 3, 4]
    assert all(row["loss"] > 0 and row["grad_norm"] > 0 and row["num_tokens"] > 0 for row in steps)
    assert figures["training_rows"] == {"sft": 7}
    before, after = (load_file(p / "model.safetensors") for p in (draft.checkpoint(tiny), folder))
    assert before.keys() == after.keys()
    assert any((before[name] != after[name]).any() for name in before)
    AutoModelForCausalLM.from_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder).decode([5, 6]) == AutoTokenizer.from_pretrained(
        draft.checkpoint(tiny)
    ).decode([5, 6])


def test_rows_longer_than_max_length_are_dropped_with_their_lengths_and_most_of_them_fail_the_round(
    draft, play, recipe
):
    figures, _ = play(sft=recipe.train.sft.model_copy(update={"steps": 2, "max_length": 32}))
    (dropped,) = draft.read(draft.tables()["dropped"]).to_pylist()
    assert (dropped["id"], dropped["table"], dropped["reason"]) == ("sft-3", "sft_examples", "too_long")
    assert (dropped["figure"], dropped["threshold"]) == (33, 32)
    assert (figures["training_rows"], figures["too_long"]) == ({"sft": 6}, {"sft": 1})
    with pytest.raises(
        ValidationFailed, match=r"^train\.sft\.max_length = 8: 7 of 7 rows of sft_examples are longer"
    ):
        play(sft=recipe.train.sft.model_copy(update={"max_length": 8}))


def test_the_same_rows_and_seed_give_the_same_weights(draft, play):
    first = play()[0]["checkpoint"]
    shutil.rmtree(draft.kept)  # else the second would find its work done
    assert play()[0]["checkpoint"] == first


def test_dpo_follows_sft_from_where_it_ended(draft, play):
    figures, _ = play(methods=("sft", "dpo"), dpo=DPO)
    steps = draft.read(draft.tables()["train_steps"]).to_pylist()
    assert sorted((row["method"], row["step"]) for row in steps) == [("dpo", i) for i in (1, 2, 3)] + [
        ("sft", i) for i in (1, 2, 3, 4)
    ]
    assert all(row["reward_accuracy"] is not None for row in steps if row["method"] == "dpo")
    assert figures["training_rows"] == {"sft": 7, "dpo": 8}
    assert figures["checkpoint"] != play()[0]["checkpoint"]


def test_dpo_alone_begins_at_a_loss_of_log_two(draft, play):
    play(methods=("dpo",), sft=None, dpo=DPO.model_copy(update={"loss_type": ("sigmoid",), "loss_weights": (1.0,)}))
    first = min(draft.read(draft.tables()["train_steps"]).to_pylist(), key=lambda row: row["step"])
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)


def test_adapters_are_merged_into_weights_of_the_bases_names(draft, play, tiny):
    _, folder = play(lora=Lora(rank=4, alpha=8))
    before, after = (load_file(p / "model.safetensors") for p in (draft.checkpoint(tiny), folder))
    assert before.keys() == after.keys()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed
    assert all("proj" in name for name in changed)


def logits(model):
    return model(input_ids=torch.tensor([[5, 6, 7, 8, 9, 10]])).logits.detach()


def test_an_adapter_is_kept_with_the_bases_digest_and_on_it_is_the_candidate(draft, play, tiny):
    figures, candidate = play(methods=("sft", "dpo"), dpo=DPO, lora=Lora(rank=4, alpha=8))
    folder = draft.checkpoint(CheckpointRef(digest=figures["checkpoint_adapter"]))
    assert sorted(p.name for p in folder.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "object.json",
    ]  # fmt: skip
    assert base_of(folder) == tiny.digest
    assert rank_of(folder) == 8, "what fine-tuning learned and, side by side, what the pairs added"
    base = AutoModelForCausalLM.from_pretrained(draft.checkpoint(tiny))
    begun = logits(base)
    unmerged = logits(PeftModel.from_pretrained(base, folder))
    merged = logits(AutoModelForCausalLM.from_pretrained(candidate))
    assert (merged - begun).abs().max() > 1e-3
    assert torch.allclose(unmerged, merged, atol=1e-5)


def test_a_later_waves_adapter_has_those_before_in_it_and_goes_onto_the_same_weights(draft, play, tiny):
    first, begun = play(lora=Lora(rank=4, alpha=8), into=replace(draft, key="1" * 32))
    before = {"model": first["checkpoint"], "adapter": first["checkpoint_adapter"]}
    refs = {name: CheckpointRef(digest=digest) for name, digest in before.items()}
    second, policy = play(lora=Lora(rank=4, alpha=8), into=replace(draft, key="2" * 32), **refs)
    folder = draft.checkpoint(CheckpointRef(digest=second["checkpoint_adapter"]))
    assert (base_of(folder), rank_of(folder)) == (tiny.digest, 8)
    base = AutoModelForCausalLM.from_pretrained(draft.checkpoint(tiny))
    merged, halfway = (logits(AutoModelForCausalLM.from_pretrained(weights)) for weights in (policy, begun))
    assert (merged - halfway).abs().max() > 1e-3
    assert torch.allclose(logits(PeftModel.from_pretrained(base, folder)), merged, atol=1e-5)


def test_an_adapter_is_the_same_files_again_and_full_training_leaves_none(draft, play):
    lora = Lora(rank=4, alpha=8)
    first = play(lora=lora, into=replace(draft, key="1" * 32))[0]["checkpoint_adapter"]
    assert play(lora=lora, into=replace(draft, key="2" * 32))[0]["checkpoint_adapter"] == first
    assert "checkpoint_adapter" not in play()[0]


def test_layers_in_another_order_are_the_same_adapter(draft, play, tmp_path):
    figures = play(lora=Lora(rank=4, alpha=8))[0]
    folder = draft.checkpoint(CheckpointRef(digest=figures["checkpoint_adapter"]))
    turned = shutil.copytree(folder, tmp_path / "turned")
    told = json.loads((turned / "adapter_config.json").read_text())
    told["target_modules"] = told["target_modules"][::-1]
    (turned / "adapter_config.json").write_text(json.dumps(told))
    write_chained([turned], base_of(folder), tmp_path / "again")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_no_row_to_train_on_fails_the_round_rather_than_the_run(draft, given, recipe, tiny):
    with pytest.raises(ValidationFailed, match="no valid row of sft_examples for sft"):
        train(
            draft,
            settings=recipe.train,
            model=tiny,
            base=None,
            sft_examples=ValidRows(tables=(given(SFT_EXAMPLES, []),)),
        )


def test_another_machine_goes_on_from_what_the_store_keeps(draft, play, monkeypatch, tmp_path):
    whole, steps = play()[0], draft.read(draft.tables()["train_steps"])
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "machine"))
    monkeypatch.setattr(Draft, "kept", property(lambda draft: UPath(f"memory://bucket/training/{draft.key}")))
    resumed = []
    draft.resumed = resumed.append

    def die(done, total, unit):
        if done == 3:
            raise KeyboardInterrupt

    draft.report = die
    with pytest.raises(KeyboardInterrupt):
        play(save_minutes=0)
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "another"))
    draft.report = lambda done, total, unit: None
    assert play(save_minutes=0)[0] == whole
    assert resumed == ["step 2 of 4"]
    assert draft.read(draft.tables()["train_steps"]).equals(steps)


def test_a_loss_that_is_no_number_fails_the_round_at_once(play, recipe):
    with pytest.raises(ValidationFailed, match="sft loss nan at step"):
        play(sft=recipe.train.sft.model_copy(update={"learning_rate": 1e30}))


def test_how_often_training_saves_is_no_part_of_its_key(recipe):
    assert recipe.train.model_dump() == recipe.train.model_copy(update={"save_minutes": 0}).model_dump()


@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
def test_weights_kept_on_the_way_are_those_of_their_steps(draft, play, tiny, recipe, lora, tmp_path, monkeypatch):
    sft = recipe.train.sft.model_copy(update={"warmup_steps": 0, "schedule": "constant"})
    plain = play(sft=sft, lora=lora)[0]["checkpoint"]
    draft = replace(draft, key="1" * 32)
    figures = play(stretches=4, sft=sft, lora=lora, into=draft)[0]
    kept = [figures[f"checkpoint_{number}"] for number in (1, 2, 3, 4)]
    assert len(set(kept)) == 4
    assert kept[3] == figures["checkpoint"] == plain, "training itself goes on as it would"
    half = play(sft=sft.model_copy(update={"steps": 2}), lora=lora, into=replace(draft, key="2" * 32))[0][
        "checkpoint"
    ]
    assert kept[1] == half


def test_what_was_kept_on_the_way_outlives_a_kill(draft, play):
    whole = play(stretches=4)[0]
    draft = replace(draft, key="1" * 32)

    def die(done, total, unit):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(stretches=4, save_minutes=0, into=replace(draft, report=die))
    resumed = []
    assert play(stretches=4, save_minutes=0, into=replace(draft, resumed=resumed.append))[0] == whole
    assert resumed == ["step 2 of 4"]
