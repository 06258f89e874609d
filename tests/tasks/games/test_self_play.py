"""SPIRAL's mechanics on a tabular softmax policy: Kuhn poker against itself, its seats' returns against their means.

Policy gradients in self-play go round the equilibrium
rather than into it; the small entropy bonus here (a closed form, no part of the method) brings the last policy close.
"""

from functools import cache

import numpy as np
import pytest

from tasks.games.exact import exploitability
from tasks.games.game import State
from tasks.games.openspiel import OpenSpiel
from tasks.seat_advantage import baselines

from .kuhn import KUHN

GAME = OpenSpiel("kuhn_poker")
SEEN = [GAME.observe(state)[1] for state in GAME.knowing]
MOVES = ("Pass", "Bet", None)
DECAY, ENTROPY, RATE, UPDATES, BATCH = 0.95, 0.02, 2.0, 1500, 128


@cache
def games():
    """Every way that a game can go after a deal: (games, 3, [seat, what it saw, its move]), -1 where it was over; and
    what each seat got."""
    ways, returns = [], []

    def go_on(state, made):
        seat, seen = GAME.observe(state)
        for number, move in enumerate(MOVES):
            so_far = [*made, (seat, SEEN.index(seen), number)]
            after = GAME.act(state, move) if move else tuple((KUHN.other, KUHN.illegal)[i == seat] for i in (0, 1))
            if isinstance(after, State):
                go_on(after, so_far)
            else:
                ways.append(so_far + [(-1, -1, -1)] * (3 - len(so_far)))
                returns.append(after)

    for cards in [(a, b) for a in range(3) for b in range(3) if a != b]:
        go_on(State(0, cards), [])
    return np.array(ways), np.array(returns)


def chances(policy):
    """How often each game happens."""
    ways, _ = games()
    return np.where(ways[..., 0] >= 0, policy[ways[..., 1], ways[..., 2]], 1.0).prod(1) / 6


def gradients(policy, played, advantages):
    """Of each game, for the policy's logits: (games, seen, moves)."""
    ways, found = games()[0][played], np.zeros((len(played), len(SEEN), 3))
    for turn in range(3):
        which = np.nonzero(ways[:, turn, 0] >= 0)[0]
        seat, seen, move = ways[which, turn].T
        weight = advantages[which, seat]
        np.add.at(found, (which, seen, move), weight)
        np.add.at(found, (which, seen), -weight[:, None] * policy[seen])
    return found


def trained(seed):
    """The policy in the end; it begins with coin tosses, and makes no illegal move."""
    chance, logits, means = np.random.default_rng(seed), np.tile([0.0, 0.0, -20.0], (len(SEEN), 1)), {}
    returns = games()[1]
    for update in range(UPDATES):
        policy = softmax(logits)
        played = chance.choice(len(returns), size=BATCH, p=chances(policy))
        before = np.array([baselines(means, "kuhn_poker", of_game, DECAY) for of_game in returns[played]])
        surprise = np.log(policy) + 1
        bonus = -policy * (surprise - (policy * surprise).sum(1, keepdims=True))
        step = gradients(policy, played, returns[played] - before).mean(0) + ENTROPY * bonus
        logits = logits + RATE * (1 - update / UPDATES) * step
    return softmax(logits)


def softmax(logits):
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def exploited(policy):
    legal = policy[:, :2] / policy[:, :2].sum(1, keepdims=True)
    return exploitability(
        GAME, {seen: dict(zip(MOVES[:2], row, strict=True)) for seen, row in zip(SEEN, legal, strict=True)}
    )


def variance(policy, baseline, n=20_000):
    """Of a game's gradient, summed over its parts, by exactly the games of one seed."""
    returns, means = games()[1], {}
    played = np.random.default_rng(1).choice(len(returns), size=n, p=chances(policy))
    before = np.array([baselines(means, "kuhn_poker", of_game, DECAY) for of_game in returns[played]])
    return gradients(policy, played, returns[played] - (before if baseline else 0)).var(0).sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_self_play_comes_close_to_an_equilibrium_and_to_the_games_value(seed):
    policy = trained(seed)
    value = float(chances(policy) @ games()[1][:, 0])
    assert exploited(np.ones((len(SEEN), 3)) / 3) == pytest.approx(0.458, abs=1e-3)
    assert exploited(policy) < 0.06
    assert value == pytest.approx(-1 / 18, abs=0.015)


def test_without_the_means_the_gradients_variance_is_larger_while_many_moves_are_illegal():
    untrained = np.ones((len(SEEN), 3)) / 3  # where all moves are legal, means near 0 change it by two percent
    assert variance(untrained, baseline=True) < 0.95 * variance(untrained, baseline=False)
