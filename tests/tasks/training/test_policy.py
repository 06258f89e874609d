"""Policy gradients: what training on stored attempts does."""

from functools import partial

import pytest
import torch
from safetensors.numpy import load_file

from schemas.advantages import ADVANTAGES
from schemas.errors import ValidationFailed
from schemas.manifest import CheckpointRef, ValidRows
from schemas.training import Lora, Stop, Train
from tasks.advantage import token_advantages
from tasks.train import train
from tasks.training.tokens import logps_of, with_log_probabilities
from tasks.training.weights import load

from .policies import GRPO, RIGHT, TINY, WRONG, changed


@pytest.fixture
def play(draft, given, tiny):
    """Train on 8 attempts at one question, half of them right; what it says of a right one, before and after."""
    tokenizer = load(draft.checkpoint(tiny))[1]

    def rows(wrong):
        made = []
        for i in range(8):
            text, reward = (RIGHT, 1.0) if i % 2 else (wrong, 0.0)
            prompt_ids, completion_ids = (tokenizer(words)["input_ids"] for words in ("1+2+3+4=\n", f"{text};"))
            made.append(
                {"id": f"advantages-{i}", "sample_id": f"a{i}", "group": "q", "prompt": "1+2+3+4=\n"}
                | {"completion": text, "reward": reward, "kept": True, "prompt_ids": prompt_ids}
                | {"completion_ids": completion_ids}
            )
        for row, logps in zip(made, logps_of(with_log_probabilities(load(TINY)[0]), made, 8), strict=True):
            row |= {"old_logps": logps, "reference_logps": logps}
        return [row | {"advantages": a} for row, a in zip(made, token_advantages(GRPO, made), strict=True)]

    def run(settings=GRPO, model=tiny, kept=lambda i: True, key="0" * 32, wrong=WRONG, inputs=None, **own):
        draft.key = key
        table = given(ADVANTAGES, [row | {"kept": kept(i)} for i, row in enumerate(rows(wrong))])
        return train(
            draft, settings=Train(methods=("policy",), policy=settings, **own), model=model, base=None,
            advantages=ValidRows(tables=(table,)),
            **(inputs or {}),
        )  # fmt: skip

    return run


def said(draft, digest, text):
    """The log-probability of a completion, by a checkpoint."""
    model, tokenizer = load(draft.checkpoint(CheckpointRef(digest=digest)))
    prompt_ids, completion_ids = (tokenizer(words)["input_ids"] for words in ("1+2+3+4=\n", f"{text};"))
    (logps,) = logps_of(
        with_log_probabilities(model), [{"prompt_ids": prompt_ids, "completion_ids": completion_ids}], 1
    )
    return sum(logps)


def steps_of(draft):
    return sorted(draft.read(draft.tables()["train_steps"]).to_pylist(), key=lambda row: row["step"])


@pytest.mark.parametrize(
    "settings",
    [GRPO, changed(reduction="token"), changed(reduction="constant", batch_size=4, rows_at_once=4)],
    ids=lambda settings: settings.reduction,
)
def test_a_wave_makes_rewarded_attempts_likelier_and_the_others_less_likely(draft, play, tiny, settings):
    after = play(settings)["checkpoint"]
    assert said(draft, after, RIGHT) > said(draft, tiny.digest, RIGHT)
    assert said(draft, after, WRONG) < said(draft, tiny.digest, WRONG)
    steps = steps_of(draft)
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    assert all(row["entropy"] > 0 and 0 <= row["reward"] <= 1 and row["length"] == 23 for row in steps)
    assert all(row["kl"] is None for row in steps)


def test_the_first_step_meets_a_ratio_of_one(draft, play):
    play(changed(batch_size=8, rows_at_once=8, kl="loss", kl_weight=0.1, reference="champion"))
    first, *later = steps_of(draft)
    assert first["kl"] == pytest.approx(0, abs=1e-9)
    assert first["loss"] == pytest.approx(0, abs=1e-5), "advantages of a group add up to nothing"
    assert all(row["kl"] > 0 for row in later)


def test_memory_decides_nothing(draft, play):
    """A step over 8 rows is the same in parts of 2, though their attempts are of unlike lengths."""
    for reduction in ("sequence", "token", "constant"):
        whole = play(changed(rows_at_once=8, reduction=reduction), key="1" * 32, wrong="#3")
        parts = play(changed(rows_at_once=2, reduction=reduction), key="2" * 32, wrong="#3")
        assert whole["training_rows"] == parts["training_rows"] == {"policy": 8}
        assert near(draft, whole, parts)


def test_two_waves_of_two_steps_are_one_of_four(draft, play):
    settings = changed(schedule="cosine", warmup_steps=1, steps=4)
    whole = play(settings, key="1" * 32)
    rates = [row["learning_rate"] for row in steps_of(draft)]
    assert "moments" not in whole
    half = changed(schedule="cosine", warmup_steps=1, steps=2, waves=2)
    first = play(half, key="2" * 32)
    before = steps_of(draft)
    model, moments = CheckpointRef(digest=first["checkpoint"]), CheckpointRef(digest=first["moments"])
    last = play(half, key="3" * 32, model=model, inputs={"wave": 2, "moments": moments})
    after = steps_of(draft)
    assert [row["step"] for row in (*before, *after)] == [1, 2, 3, 4]
    assert [row["learning_rate"] for row in (*before, *after)] == rates
    assert near(draft, whole, last)
    fresh = play(half, key="4" * 32, model=model, inputs={"wave": 2})
    assert not near(draft, whole, fresh), "without the moments it is another training"
    assert "moments" not in last


def test_a_killed_wave_goes_on_to_the_same_weights_steps_and_moments(draft, play):
    settings = changed(schedule="linear", steps=3, waves=3)
    first = play(settings, key="1" * 32)
    model, moments = CheckpointRef(digest=first["checkpoint"]), CheckpointRef(digest=first["moments"])
    again = partial(play, settings, model=model, inputs={"wave": 2, "moments": moments})
    whole = again(key="2" * 32)
    steps, resumed = [row | {"id": ""} for row in steps_of(draft)], []
    draft.resumed = resumed.append

    def die(done, total, unit):
        if done == 2:
            raise KeyboardInterrupt

    draft.report = die
    with pytest.raises(KeyboardInterrupt):
        again(key="3" * 32, save_minutes=0)
    draft.report = lambda done, total, unit: None
    assert again(key="3" * 32) == whole
    assert [row | {"id": ""} for row in steps_of(draft)] == steps
    assert resumed == ["step 1 of 3"]


def near(draft, one, other):
    a, b = (
        load_file(draft.checkpoint(CheckpointRef(digest=f["checkpoint"])) / "model.safetensors") for f in (one, other)
    )
    return all(abs(a[name] - b[name]).max() < 2e-5 for name in a)


def test_adapters_learn_too_and_begin_anew_each_wave(draft, play, tiny):
    figures = play(changed(waves=2, learning_rate=1e-3), lora=Lora(rank=4, alpha=8))
    assert said(draft, figures["checkpoint"], RIGHT) > said(draft, tiny.digest, RIGHT)
    assert "moments" not in figures


def test_adapters_are_the_same_whatever_the_process_drew_before(play):
    adapters = {"lora": Lora(rank=4, alpha=8)}
    torch.manual_seed(1)
    first = play(changed(steps=1), key="1" * 32, **adapters)["checkpoint"]
    torch.manual_seed(2)
    assert play(changed(steps=1), key="2" * 32, **adapters)["checkpoint"] == first


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"min_reward": 0.9}, "reward 0.5, below"),
        ({"min_length": 24}, "length 23, below"),
        ({"max_length": 22}, "length 23, above"),
    ],
)
def test_attempts_that_get_worse_or_shorter_than_the_recipes_bound_end_training(draft, play, rule, named):
    figures = play(stop=Stop(**rule))
    assert figures["stopped"]["policy"].startswith(named)
    assert len(steps_of(draft)) == 1


def test_rows_that_are_not_kept_are_not_trained_on(play):
    assert play(kept=lambda i: i % 2 == 0)["training_rows"] == {"policy": 4}
    with pytest.raises(ValidationFailed, match="no valid row of advantages for policy"):
        play(kept=lambda i: False)


def test_a_kl_beyond_the_recipes_ends_training_with_what_it_has(draft, play):
    pulled = changed(kl="loss", kl_weight=0.001, reference="champion", learning_rate=3e-3)
    figures = play(pulled, stop=Stop(max_kl=1e-4))
    assert figures["stopped"]["policy"].startswith("KL ")
    assert len(steps_of(draft)) < 4


def test_a_loss_that_is_no_number_fails_the_round_at_once(play):
    with pytest.raises(ValidationFailed, match="policy loss nan at step"):
        play(changed(learning_rate=1e30))
