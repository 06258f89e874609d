"""A curriculum: which of the questions a wave asks, by what the waves before earned with theirs.

Nothing is remembered but the tables: what earlier waves asked, and what each attempt earned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.curriculum import Bandit, Curriculum, Progress, Replay
from schemas.errors import BadInput
from schemas.pattern import last_match
from tasks.statistics.curriculum import boltzmann, learning_progress, replay_chances, signal

Row = dict[str, Any]
Texts = Mapping[str, str]
"""Question id -> text."""
Earned = Sequence[Mapping[str, Sequence[float]]]
"""Of each earlier wave, in order: question id -> rewards of the attempts at it."""
Floats = npt.NDArray[np.float64]


def earned(asked: Sequence[Sequence[Row]], rewards: Sequence[Row]) -> list[dict[str, list[float]]]:
    """What the attempts of each wave (`asked`) earned: question -> the rewards that were
    decided, of each attempt the last. Attempts without a reward, as those at probe rows, are left out."""
    reward_of = {row["row_id"]: row["reward"] for row in rewards}
    waves: list[dict[str, list[float]]] = []
    for attempts in asked:
        waves.append({})
        for row in attempts:
            if row["id"] in reward_of:
                reward = reward_of[row["id"]]
                waves[-1].setdefault(row["question_id"], []).extend([] if reward is None else [reward])
    return waves


def chosen(settings: Curriculum, texts: Texts, n: int, earned: Earned, seed: int) -> tuple[list[str], dict[str, Any]]:
    """Ids of at most n questions, none twice, and figures of how they were drawn. The same for the same inputs."""
    rng, n = np.random.default_rng(seed), min(n, len(texts))
    if isinstance(settings, Bandit):
        return _by_kind(settings, texts, n, earned, rng)
    if isinstance(settings, Replay):
        return _again(settings, texts, n, earned, rng)
    return _where_it_moves(settings, texts, n, earned, rng)


def _by_kind(
    settings: Bandit, texts: Texts, n: int, earned: Earned, rng: np.random.Generator
) -> tuple[list[str], dict[str, Any]]:
    """Each draw takes a kind by its value, then one of its questions that were asked least often."""
    kinds = [*settings.arms, "others"]
    kind_of = {
        name: next((k for k, arm in enumerate(settings.arms) if last_match(arm, text) is not None), len(kinds) - 1)
        for name, text in texts.items()
    }
    values = np.zeros(len(kinds))
    for wave in earned:
        signals: dict[int, list[float]] = {}
        for name, rewards in wave.items():
            signals.setdefault(kind_of[name], []).append(signal(rewards))
        for kind, found in signals.items():
            values[kind] += settings.step_size * (float(np.mean(found)) - values[kind])
    times = {name: sum(name in wave for wave in earned) for name in texts}
    left: list[list[str]] = [[] for _ in kinds]
    for name in sorted(rng.permutation(sorted(texts)).tolist(), key=lambda name: -times[name]):
        left[kind_of[name]].append(name)  # the last is asked first
    drawn: list[str] = []
    while len(drawn) < n:
        there = [kind for kind, names in enumerate(left) if names]
        drawn.append(left[rng.choice(there, p=boltzmann(values[there], settings.temperature))].pop())
    asked = [sum(kind_of[name] == kind for name in drawn) for kind in range(len(kinds))]
    return drawn, {
        "drawn": dict(zip(kinds, asked, strict=True)),
        "learnt": dict(zip(kinds, values.tolist(), strict=True)),
    }


def _again(
    settings: Replay, texts: Texts, n: int, earned: Earned, rng: np.random.Generator
) -> tuple[list[str], dict[str, Any]]:
    """New ones as large a share as they are of all, the others by rank of their last signal, and by age."""
    last = {name: (number, signal(rewards)) for number, wave in enumerate(earned) for name, rewards in wave.items()}
    new, seen = sorted(texts.keys() - last.keys()), sorted(last)
    first = max(round(n * len(new) / len(texts)), n - len(seen)) if texts else 0
    drawn: list[str] = rng.choice(new, size=first, replace=False).tolist() if first else []
    if n > first:
        signals, ages = (
            np.array([f(*last[name]) for name in seen]) for f in (lambda _, s: s, lambda w, _: len(earned) - w)
        )
        chances = replay_chances(signals, ages, settings.temperature, settings.stale_share)
        drawn += _without_replacement(rng, seen, chances, n - first)
    return drawn, {"drawn": {"new": first, "again": n - first}}


def _where_it_moves(
    settings: Progress, texts: Texts, n: int, earned: Earned, rng: np.random.Generator
) -> tuple[list[str], dict[str, Any]]:
    """Most draws take a component of the mixture over (length, progress) by its mean progress, a length from it, and
    the question nearest to that; the others, and all before two waves are over, any question."""
    means = [(float(len(texts[name])), float(np.mean(r))) for wave in earned for name, r in sorted(wave.items()) if r]
    first = sum(1 for rewards in earned[0].values() if rewards) if earned else 0
    points = learning_progress(means, first)
    names = sorted(texts)
    if len(points) < 2 * settings.most_components:
        return rng.choice(names, size=n, replace=False).tolist(), {"components": 0}
    mixture = _mixture(points, settings.most_components, int(rng.integers(1 << 31)))
    centres, spreads = mixture.means_, mixture.covariances_
    moved = np.maximum(centres[:, 1], 0) + 1e-9
    lengths = np.array([len(texts[name]) for name in names], dtype=float)  # inf: it is drawn already
    drawn: list[str] = []
    while len(drawn) < n:
        if rng.random() < settings.uniform_share:
            at = int(rng.choice(np.flatnonzero(np.isfinite(lengths))))
        else:
            one = rng.choice(len(moved), p=moved / moved.sum())
            at = int(np.abs(lengths - rng.normal(centres[one, 0], np.sqrt(spreads[one, 0, 0]))).argmin())
        drawn.append(names[at])
        lengths[at] = np.inf
    learnt = {f"length {length:.1f}": float(progress) for length, progress in centres}
    return drawn, {"components": len(centres), "learnt": learnt}


def _mixture(points: Floats, most: int, seed: int) -> Any:
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        mend = "type: .venv/bin/pip install -c constraints.txt -e '.[curriculum]'"
        raise BadInput(f"solve.curriculum.by = 'progress': scikit-learn is not installed; {mend}") from error
    most = min(most, len(np.unique(points, axis=0)))  # more would find nothing to stand on
    fitted = [
        GaussianMixture(k, random_state=seed, reg_covar=1e-4).fit(points) for k in range(min(2, most), most + 1)
    ]
    return min(fitted, key=lambda mixture: mixture.aic(points))


def _without_replacement(rng: np.random.Generator, names: list[str], chances: Floats, n: int) -> list[str]:
    """By Gumbel's noise: chances so small that they are zero cannot run out."""
    noisy = np.log(np.maximum(chances, 1e-300)) + rng.gumbel(size=len(names))
    return [names[at] for at in np.argsort(-noisy)[:n]]
