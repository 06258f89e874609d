"""Policy gradients: our loss and advantages against TRL's own code, and what training on stored attempts does."""

from functools import partial
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from safetensors.numpy import load_file

from schemas.advantages import ADVANTAGES
from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.losses import Policy
from schemas.manifest import CheckpointRef
from schemas.training import Lora, Stop, Train
from tasks.advantage import token_advantages
from tasks.train import train
from tasks.training.policy import policy_loss
from tasks.training.tokens import log_probabilities, logps_of, padded, tokens_of, with_log_probabilities
from tasks.training.trainer import load

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
GRPO = Policy(
    waves=1, steps=4, batch_size=8, rows_at_once=4, learning_rate=1e-4, schedule="constant", max_length=64,
    advantage="group", scale="sample", filter="after", clip_low=0.2, clip_high=0.28, reduction="sequence",
)  # fmt: skip
RIGHT, WRONG = "1+2=3\n3+3=6\n6+4=10\n#10", "1+2=3\n3+4=7\n7+3=11\n#11"
FIVE = [1.0] * 5 + [0.0] * 3


def changed(**values):
    return GRPO.model_copy(update=values)


@pytest.fixture(scope="module")
def tiny_model():
    return load(TINY)


def arguments(folder, **own):
    return {
        "output_dir": str(folder), "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
        "report_to": "none", "per_device_train_batch_size": 8, "num_generations": 8, "max_completion_length": 16,
        "temperature": 1.0, **own,
    }  # fmt: skip


def trls(kind, tmp_path, reward=lambda completions, **_: FIVE, **own):
    """A real trainer of TRL's on the tiny model."""
    import trl

    model, tokenizer = load(TINY)
    config = getattr(trl, f"{kind}Config")(**arguments(tmp_path, **own))
    prompts = Dataset.from_dict({"prompt": ["1+2+3+4=\n"] * 8})
    trainer = getattr(trl, f"{kind}Trainer")(
        model=model, args=config, train_dataset=prompts, processing_class=tokenizer, reward_funcs=reward
    )
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    return trainer


@pytest.fixture
def attempts(tiny_model):
    """Rows of four attempts of unlike lengths, whose old and reference log-probabilities are near the policy's."""
    tokenizer = tiny_model[1]
    chance = torch.Generator().manual_seed(1)
    rows = []
    for text, length in ((RIGHT, 22), ("1+2=3\n#3", 9), ("#10", 4), (RIGHT[:12], 13)):
        prompt_ids, completion_ids = tokens_of(tokenizer, "1+2+3+4=\n", text, True, 64)
        assert len(completion_ids) == length + 1 - (text != RIGHT)
        rows.append({"prompt_ids": prompt_ids, "completion_ids": completion_ids})
    model = with_log_probabilities(load(TINY)[0])
    for row, logps in zip(rows, logps_of(model, rows, 4), strict=True):
        noise = [0.5 * torch.randn(len(logps), generator=chance) for _ in range(3)]
        row["old_logps"] = (torch.tensor(logps) + noise[0]).tolist()
        row["reference_logps"] = (torch.tensor(logps) + noise[1]).tolist()
        row["advantages"] = (2 * noise[2]).tolist()
    return rows


@pytest.mark.parametrize("kl_weight", [None, 0.3])
@pytest.mark.parametrize(
    ("loss_type", "reduction"),
    [("grpo", "sequence"), ("dr_grpo", "constant"), ("bnpo", "token"), ("dapo", "token")],
)
def test_our_loss_and_its_gradient_are_trls(tmp_path, attempts, loss_type, reduction, kl_weight):
    own = {"loss_type": loss_type, "epsilon": 0.2, "epsilon_high": 0.28, "beta": kl_weight or 0.0}
    trainer = trls("GRPO", tmp_path, **own, use_bias_correction_kl=False)  # the plain k3
    trainer.max_completion_length = 64
    pull = {"kl": "loss", "kl_weight": kl_weight, "reference": "base"} if kl_weight else {}
    ours = with_log_probabilities(load(TINY)[0]).train()
    batch = padded(attempts)
    loss, _ = policy_loss(changed(reduction=reduction, **pull), log_probabilities(ours, batch)[0], batch)
    begin = len(attempts[0]["prompt_ids"])
    mask = (batch["labels"][:, begin:] != -100).long()
    theirs = trainer._compute_loss(
        trainer.model,
        {
            "prompt_ids": batch["input_ids"][:, :begin], "prompt_mask": torch.ones(4, begin, dtype=torch.long),
            "completion_ids": batch["input_ids"][:, begin:], "completion_mask": mask,
            "advantages": batch["advantages"][:, begin - 1 :],
            "old_per_token_logps": batch["old_logps"][:, begin - 1 :],
            "ref_per_token_logps": batch["reference_logps"][:, begin - 1 :],
            "num_items_in_batch": mask.sum(),
        },
    )  # fmt: skip
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    loss.backward()
    theirs.backward()
    for (name, own), other in zip(ours.named_parameters(), trainer.model.parameters(), strict=True):
        assert torch.allclose(own.grad, other.grad, rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize(
    ("kind", "own", "settings"),
    [
        ("GRPO", {"scale_rewards": "group"}, {"scale": "sample"}),
        ("GRPO", {"scale_rewards": "none"}, {"scale": "none"}),
        ("RLOO", {"beta": 0.0}, {"advantage": "leave_one_out", "scale": None}),
    ],
)
def test_our_advantages_are_trls(tmp_path, kind, own, settings):
    trainer = trls(kind, tmp_path, **own)
    made = trainer._generate_and_score_completions([{"prompt": "1+2+3+4=\n"} for _ in range(8)])
    rows = [{"question_id": "q", "reward": reward, "old_logps": [0.0]} for reward in FIVE]
    ours = [values[0] for values in token_advantages(changed(**settings), rows)]
    assert made["advantages"].flatten().tolist() == pytest.approx(ours, abs=5e-4)  # theirs adds 1e-4 to a deviation


def test_rloos_gradient_is_trls_while_the_ratio_is_one(tmp_path, attempts):
    """TRL sums an attempt's tokens where `constant` divides them by max_length; beyond 1 it clips whole attempts."""
    trainer = trls("RLOO", tmp_path, beta=0.0)
    ours, advantages = with_log_probabilities(load(TINY)[0]).train(), torch.tensor([3 / 7, -5 / 7, 0.25, -1.0])
    for row, logps, advantage in zip(attempts, logps_of(ours, attempts, 4), advantages.tolist(), strict=True):
        row |= {"old_logps": logps, "advantages": [advantage] * len(logps)}
    batch = padded(attempts)
    loss, _ = policy_loss(changed(reduction="constant"), log_probabilities(ours.train(), batch)[0], batch)
    begin = len(attempts[0]["prompt_ids"])
    mask = (batch["labels"][:, begin:] != -100).long()
    theirs = trainer._compute_loss(
        trainer.model,
        {
            "prompt_ids": batch["input_ids"][:, :begin], "prompt_mask": torch.ones(4, begin, dtype=torch.long),
            "completion_ids": batch["input_ids"][:, begin:], "completion_mask": mask, "advantages": advantages,
            "old_logps": torch.tensor([sum(row["old_logps"]) for row in attempts]),
        },
    )  # fmt: skip
    (loss * GRPO.max_length).backward()
    theirs.backward()
    assert max(own.grad.abs().max() for own in ours.parameters()) > 0.1
    for (name, own), other in zip(ours.named_parameters(), trainer.model.parameters(), strict=True):
        assert torch.allclose(own.grad, other.grad, rtol=1e-3, atol=1e-5), name


def test_rloos_kl_in_the_reward_is_trls(tmp_path):
    trainer = trls("RLOO", tmp_path, beta=0.3)
    with torch.no_grad():  # a reference that is not the policy
        for weights in trainer.ref_model.parameters():
            weights.mul_(1.05)
    made = trainer._generate_and_score_completions([{"prompt": "1+2+3+4=\n"} for _ in range(8)])
    rows = [
        {"prompt_ids": prompt.tolist(), "completion_ids": completion[: int(length)].tolist()}
        for prompt, completion, length in zip(
            made["prompt_ids"], made["completion_ids"], made["completion_mask"].sum(1), strict=True
        )
    ]
    policy, reference = (
        logps_of(with_log_probabilities(model), rows, 8) for model in (trainer.model, trainer.ref_model)
    )
    rows = [
        {"question_id": "q", "reward": reward, "old_logps": old, "reference_logps": to}
        for reward, old, to in zip(FIVE, policy, reference, strict=True)
    ]
    rloo = {"advantage": "leave_one_out", "scale": None, "reference": "base"}
    with_kl, without = (
        [values[0] for values in token_advantages(changed(**rloo, **kl), rows)]
        for kl in ({"kl": "reward", "kl_weight": 0.3}, {})
    )
    assert made["advantages"].flatten().tolist() == pytest.approx(with_kl, abs=1e-4)
    assert with_kl != pytest.approx(without, abs=0.01)


@pytest.fixture
def play(draft, given, tiny):
    """Train on 8 attempts at one question, half of them right; what it says of a right one, before and after."""
    tokenizer = load(draft.checkpoint(tiny))[1]

    def rows(wrong):
        made = []
        for i in range(8):
            text, reward = (RIGHT, 1.0) if i % 2 else (wrong, 0.0)
            prompt_ids, completion_ids = tokens_of(tokenizer, "1+2+3+4=\n", text, True, 64)
            made.append(
                {"id": f"advantages-{i}", "question_id": "q", "attempt_id": f"a{i}", "prompt": "1+2+3+4=\n"}
                | {"completion": text, "agreement": 0.5, "reward": reward, "kept": True, "prompt_ids": prompt_ids}
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
            sft_examples=(), preference_pairs=(), advantages=(table,), invalid=(given(DROPPED, []),),
            **(inputs or {}),
        )  # fmt: skip

    return run


def said(draft, digest, text):
    """The log-probability of a completion, by a checkpoint."""
    model, tokenizer = load(draft.checkpoint(CheckpointRef(digest=digest)))
    prompt_ids, completion_ids = tokens_of(tokenizer, "1+2+3+4=\n", text, True, 64)
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
