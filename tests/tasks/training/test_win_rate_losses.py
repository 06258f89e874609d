"""SPPO and RSPO in the trainer, on the tiny model, against the pure functions and against TRL's own."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.errors import ValidationFailed
from schemas.losses import Rspo, Sppo
from tasks.training.losses import rspo, sppo

from .preferences import HARD, ONE_STEP, SIDES, first_loss, ratios, win_rates


@pytest.mark.parametrize("reading", ["pair", "pool"])
def test_sppo_begins_at_the_squares_of_its_targets(play, reading):
    _, tables = play(Sppo(**ONE_STEP, win_rates=reading))
    zero = torch.zeros(8)
    expected = float(sppo(zero, zero, *win_rates(play.pairs, reading), 0.1).mean())
    assert first_loss(tables) == pytest.approx(expected, rel=1e-5)


def test_sppo_by_pairs_that_a_judge_is_sure_of_is_half_of_trls_hard_one(play, champion):
    hard = play(HARD.model_copy(update={"reference": "base"}), model=champion)[1]
    soft = play(Sppo(**ONE_STEP, reference="base", win_rates="pair"), model=champion, certain=True)[1]
    assert first_loss(soft) == pytest.approx(first_loss(hard) / 2, rel=1e-5)
    assert abs(first_loss(soft) - 25) > 1  # the references have moved


def test_rspo_of_weight_0_is_sppo(play, champion):
    steps = ONE_STEP | {"steps": 3, "rows_at_once": 8, "win_rates": "pool"}
    _, plain = play(Sppo(**steps), model=champion)
    _, regularized = play(Rspo(**steps, regularizer="reverse_kl", weight=0.0), model=champion)
    losses = [{row["step"]: row["loss"] for row in tables["train_steps"]} for tables in (plain, regularized)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    "regularizer", ["reverse_kl", "forward_kl", "forward_and_reverse_kl", "chi_squared", "entropy"]
)
def test_rspo_pulls_to_the_base_and_not_to_the_previous_iterate(play, champion, regularizer):
    reverse = 3.0 if regularizer == "forward_and_reverse_kl" else None
    settings = Rspo(**ONE_STEP, win_rates="pool", regularizer=regularizer, weight=2.0, reverse_weight=reverse)
    _, tables = play(settings, model=champion)
    to_base, zero = ratios(tables, "champion", "base"), torch.zeros(8)
    said = {row["pair_id"]: row for row in tables["reference_logps"] if row["reference"] == "champion"}
    logps = [torch.tensor([said[i][f"{side}_logp"] for i in said]) for side in SIDES]
    expected = rspo(
        zero, zero, *win_rates(play.pairs), 0.1, *to_base, regularizer, 2.0,
        chosen_logp=logps[0], rejected_logp=logps[1], reverse_weight=reverse or 0.0,
    )  # fmt: skip
    assert first_loss(tables) == pytest.approx(float(expected.mean()), rel=1e-4)


BASES_OWN = {
    "id": "base_samples-1", "question_id": "q", "prompt": "1+2+3+4=\n", "text": "1+2=3\n#3", "num_tokens": 9,
    "finish_reason": "stop", "checkpoint": "b",
}  # fmt: skip
SAMPLED = Rspo(**ONE_STEP, win_rates="pool", regularizer="base_samples", weight=2.0)


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_rspo_makes_the_bases_own_answers_likelier(play, draft, champion, reason):
    _, tables = play(SAMPLED, model=champion, said=[BASES_OWN | {"finish_reason": reason}])
    folder, zero = draft.checkpoint(champion), torch.zeros(8)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer(BASES_OWN["prompt"])["input_ids"]
    answer = tokenizer(BASES_OWN["text"], add_special_tokens=False)["input_ids"]
    answer += [tokenizer.eos_token_id] * (reason == "stop")
    with torch.no_grad():
        logps = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    logp = logps.gather(1, torch.tensor(answer)[:, None]).sum()
    expected = sppo(zero, zero, *win_rates(play.pairs), 0.1).mean() - 2 * logp
    assert first_loss(tables) == pytest.approx(float(expected), rel=1e-4)


def test_pairs_whose_questions_the_base_did_not_answer_are_named(play):
    words = (
        r"did not answer the questions of 8 pairs, first q; .*: train\.use_held_rounds = false and train\.previous"
    )
    with pytest.raises(ValidationFailed, match=words):
        play(SAMPLED, said=[BASES_OWN | {"question_id": "another"}])
