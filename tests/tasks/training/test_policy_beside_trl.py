"""Policy gradients: our loss, its gradient and our advantages against TRL's own code."""

import pytest
import torch
from datasets import Dataset

from tasks.advantage import token_advantages
from tasks.training.policy import policy_loss
from tasks.training.tokens import log_probabilities, logps_of, padded, with_log_probabilities
from tasks.training.weights import load

from .policies import FIVE, GRPO, RIGHT, TINY, changed


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
        prompt_ids, completion_ids = (tokenizer(words)["input_ids"] for words in ("1+2+3+4=\n", f"{text};"))
        assert len(completion_ids) == length + 1 - (text != RIGHT)
        rows.append({"prompt_ids": prompt_ids, "completion_ids": completion_ids})
    model = with_log_probabilities(load(TINY)[0])
    for row, logps in zip(rows, logps_of(model, rows, 4), strict=True):
        noise = [0.5 * torch.randn(len(logps), generator=chance) for _ in range(3)]
        row["old_logps"] = (torch.tensor(logps) + noise[0]).tolist()
        row["reference_logps"] = (torch.tensor(logps) + noise[1]).tolist()
        row["advantages"] = (2 * noise[2]).tolist()
    return rows


def asked(batch, begin, **more):
    """A batch of ours as TRL's trainers take theirs: prompts, of one length, and completions apart."""
    mask = (batch["labels"][:, begin:] != -100).long()
    return {
        "prompt_ids": batch["input_ids"][:, :begin], "prompt_mask": torch.ones(len(mask), begin, dtype=torch.long),
        "completion_ids": batch["input_ids"][:, begin:], "completion_mask": mask, **more,
    }  # fmt: skip


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
    told = {name: batch[name][:, begin - 1 :] for name in ("advantages", "old_logps", "reference_logps")}
    theirs = trainer._compute_loss(
        trainer.model,
        asked(
            batch, begin, advantages=told["advantages"], old_per_token_logps=told["old_logps"],
            ref_per_token_logps=told["reference_logps"], num_items_in_batch=(batch["labels"] != -100).sum(),
        ),
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
    rows = [{"group": "q", "reward": reward, "old_logps": [0.0]} for reward in FIVE]
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
    old = torch.tensor([sum(row["old_logps"]) for row in attempts])
    theirs = trainer._compute_loss(trainer.model, asked(batch, begin, advantages=advantages, old_logps=old))
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
        {"group": "q", "reward": reward, "old_logps": old, "reference_logps": to}
        for reward, old, to in zip(FIVE, policy, reference, strict=True)
    ]
    rloo = {"advantage": "leave_one_out", "scale": None, "reference": "base"}
    with_kl, without = (
        [values[0] for values in token_advantages(changed(**rloo, **kl), rows)]
        for kl in ({"kl": "reward", "kl_weight": 0.3}, {})
    )
    assert made["advantages"].flatten().tolist() == pytest.approx(with_kl, abs=1e-4)
    assert with_kl != pytest.approx(without, abs=0.01)
