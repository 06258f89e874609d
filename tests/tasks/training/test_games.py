"""Whole dynamics on games of three answers, in exact steps by the project's losses: where self-play ends."""

import pytest
import torch

from tasks.training.losses import rspo, spin, sppo

CYCLE = torch.tensor([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]], dtype=torch.float64)  # rock-paper-scissors
START = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
GOLD = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
UNIFORM = torch.full((3,), 1 / 3, dtype=torch.float64)
ETA = 0.1  # 1 / beta
STEPS = 3000


def rounded(policy):
    return [round(value, 4) for value in policy.tolist()]


def spin_iterate(previous, beta):
    """The minimiser of the expected loss over all pairs (gold answer, the previous iterate's answer)."""
    logits = previous.log().clone().requires_grad_()
    weights = GOLD[:, None] * previous[None, :]
    search = torch.optim.LBFGS(
        [logits], max_iter=500, tolerance_grad=1e-14, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss():
        search.zero_grad()
        ratio = logits.log_softmax(0) - previous.log()
        found = (weights * spin(ratio[:, None], ratio[None, :], beta)).sum()
        found.backward()
        return found

    search.step(loss)
    return logits.detach().softmax(0)


def test_spin_reaches_the_gold_answers_in_one_exact_iteration_and_stays():
    first = spin_iterate(UNIFORM, beta=1.0)
    assert torch.allclose(first, GOLD, atol=1e-6)
    assert torch.allclose(spin_iterate(first, beta=1.0), GOLD, atol=1e-6)


@pytest.mark.parametrize(("beta", "factor"), [(2.0, 0.5), (0.5, -1.0), (0.1, -9.0)])
def test_spins_log_error_is_multiplied_by_one_minus_one_over_beta(beta, factor):
    def error(policy):
        log = policy.log() - GOLD.log()
        return log - log.mean()

    found = spin_iterate(UNIFORM, beta)
    assert torch.allclose(error(found), factor * error(UNIFORM), atol=1e-5)


def iterate(previous, step_loss, curvature):
    """The policy whose log-ratios minimise a quadratic loss, by one Newton step from 0."""
    logratio = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    step_loss(logratio, CYCLE @ previous).sum().backward()
    return (previous.log() - logratio.grad / curvature).softmax(0)


def test_sppos_average_tends_to_uniform_while_the_last_policy_still_cycles():
    def step_loss(logratio, winrate):
        return sppo(logratio, logratio, winrate, winrate, 1 / ETA)

    policy, total = START, torch.zeros(3, dtype=torch.float64)
    for _ in range(STEPS):
        policy = iterate(policy, step_loss, curvature=2)
        total += policy
    assert [round(value, 3) for value in (total / STEPS).tolist()] == [0.333, 0.324, 0.343]
    assert [round(value, 3) for value in policy.tolist()] == [0.042, 0.729, 0.229]


@pytest.mark.parametrize(
    ("strength", "base", "reached"),
    [
        (0.1, UNIFORM, [0.3333, 0.3333, 0.3333]),
        (0.1, START, [0.4607, 0.2127, 0.3267]),
        (0.05, START, [0.3904, 0.2637, 0.3459]),
    ],
)
def test_rspos_last_policy_settles_where_the_pull_to_the_fixed_base_puts_it(strength, base, reached):
    weight = ETA * strength / 2  # of the squared log-ratio: a proximal step with reverse KL of this strength

    def play(policy):
        def step_loss(logratio, winrate):
            to_base = logratio + (policy.log() - base.log())
            return rspo(logratio, logratio, winrate, winrate, 1 / ETA, to_base, to_base, "reverse_kl", weight)

        return iterate(policy, step_loss, curvature=2 * (1 + 2 * weight))

    policy = START
    for _ in range(STEPS):
        policy = play(policy)
    assert rounded(policy) == reached
    assert (play(policy) - policy).abs().max() < 1e-8, "it rests"
