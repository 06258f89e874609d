"""Strengths: how good each of several models is, by who won against whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.statistics.intervals import Z95


@dataclass(frozen=True)
class Strengths:
    """Of the Bradley-Terry model: a beats b with the odds e^(log_odds[a] - log_odds[b])."""

    log_odds: Any
    """A value a player, of mean 0."""
    covariance: Any

    def interval(self, a: int) -> tuple[float, float]:
        """95%, of its log odds against a player of mean strength."""
        reach = Z95 * float(np.sqrt(self.covariance[a, a]))
        return float(self.log_odds[a]) - reach, float(self.log_odds[a]) + reach

    def chance(self, a: int, b: int) -> tuple[float, float, float]:
        """That a beats b, with its 95% interval."""
        from scipy.special import expit

        variance = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        reach = Z95 * float(np.sqrt(max(0.0, variance)))
        odds = float(self.log_odds[a] - self.log_odds[b])
        share, low, high = (float(expit(x)) for x in (odds, odds - reach, odds + reach))
        return share, low, high


def bradley_terry(wins: Sequence[Sequence[float]]) -> Strengths:
    """The likeliest strengths (Bradley and Terry 1952, Biometrika 39:324) for wins[a][b] games that a won against b,
    a tie as half a game for each, and their covariance: the inverse of Fisher's information among values of mean 0.

    A tie varies less than a coin, so ties make the intervals too wide rather than too narrow. Strengths are finite
    only where no group of players won all its games against the others (`unbeaten`).
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    won = np.asarray(wins, dtype=float)
    played = won + won.T

    def chances(s: Any) -> Any:
        return expit(s[:, None] - s[None, :])

    def loss(s: Any) -> float:
        return float((won * np.logaddexp(0, s[None, :] - s[:, None])).sum())

    def slope(s: Any) -> Any:
        return (played * chances(s)).sum(axis=1) - won.sum(axis=1)

    def information(s: Any) -> Any:
        shared = played * chances(s) * (1 - chances(s))
        return np.diag(shared.sum(axis=1)) - shared

    start = np.zeros(len(won))
    found = minimize(loss, start, method="trust-exact", jac=slope, hess=information, options={"gtol": 1e-10}).x
    log_odds = found - found.mean()
    share = 1 / len(won)  # the sum of all is fixed: adding its direction and taking it away makes an inverse
    return Strengths(log_odds, np.linalg.inv(information(log_odds) + share) - share)


def unbeaten(wins: Sequence[Sequence[float]]) -> list[int] | None:
    """The smallest group that never lost a game, nor half of one, to a player outside it; None if there is none."""
    from scipy.sparse.csgraph import connected_components

    won = np.asarray(wins, dtype=float) > 0
    number, group = connected_components(won, connection="strong")
    inside = [np.flatnonzero(group == n) for n in range(number)]
    never = [g for g in inside if not won[np.ix_(np.setdiff1d(np.arange(len(won)), g), g)].any()]
    return [int(n) for n in min(never, key=len)] if number > 1 else None
