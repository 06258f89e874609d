"""What is learnt from a question, and chances by it: the formulas of three curricula."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def signal(rewards: Sequence[float]) -> float:
    """Mean size of the advantages of attempts at one question, each a reward's distance to their mean in standard
    deviations (SEC, arXiv 2505.14970): 2 sqrt(p(1-p)) where a share p earns 1 and the others 0; 0 for equal ones."""
    found = np.asarray(rewards, dtype=float)
    spread = found.std() if len(found) else 0.0
    return float(np.abs(found - found.mean()).mean() / spread) if spread > 1e-12 else 0.0


def boltzmann(values: Floats, temperature: float) -> Floats:
    """exp(value / temperature), as shares of their sum."""
    weights = np.exp((values - values.max()) / temperature)
    return np.asarray(weights / weights.sum())


def replay_chances(signals: Floats, ages: Floats, temperature: float, stale_share: float) -> Floats:
    """(1 - stale_share) by rank of the signal, 1/rank to the power of 1/temperature, and stale_share by age
    (Jiang et al. 2021, arXiv 2010.03934, equations 2 to 4). Equal signals have one rank, their mean."""
    from scipy.stats import rankdata

    ranks = rankdata(-signals)
    by_rank = np.exp(-(np.log(ranks) - np.log(ranks.min())) / temperature)
    by_age = ages / ages.sum() if ages.sum() > 0 else np.full(len(ages), 1 / len(ages))
    return np.asarray((1 - stale_share) * by_rank / by_rank.sum() + stale_share * by_age)


def learning_progress(points: Sequence[tuple[float, float]], first: int) -> Floats:
    """Rows of (where, absolute learning progress): how far a reward is from that of the nearest point before it, the
    latest of the nearest (Portelas et al. 2019, arXiv 1910.07224). `points`: (where, mean reward), in the order
    in which they were asked; the `first` of them have none before."""
    where, reward = np.array(points, dtype=float).reshape(-1, 2).T
    found = []
    for at in range(max(first, 1), len(points)):
        before = at - 1 - int(np.abs(where[:at] - where[at])[::-1].argmin())
        found.append((where[at], abs(reward[at] - reward[before])))
    return np.array(found).reshape(-1, 2)
