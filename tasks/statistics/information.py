"""What a prompt's rewards say of it: how much there is to learn (eva, Ye et al. 2024, arXiv 2411.00062), and whether
it is well-posed (RIP, as CoT-Self-Instruct filters tasks without answers, Yu et al. 2025, arXiv 2507.23751)."""

from collections.abc import Sequence


def reward_gap(rewards: Sequence[float | None]) -> float:
    """The best answer's reward over the worst one's; 0 where fewer than two were decided."""
    decided = [reward for reward in rewards if reward is not None]
    return max(decided) - min(decided) if decided else 0.0


def probabilities(information: Sequence[float]) -> list[float]:
    """Of drawing each prompt, in proportion; all 0 where nothing is to be learnt of any."""
    total = sum(information)
    return [each / total if total else 0.0 for each in information]


def well_posed(rewards: Sequence[Sequence[float | None]], quantile: float) -> list[bool]:
    """Whether each prompt's lowest reward is at or above this quantile of all prompts' lowest: where an answer can be
    as bad as that, the prompt may be ambiguous. One without a decided reward is not."""
    import numpy as np

    lowest = [min((reward for reward in of_one if reward is not None), default=None) for of_one in rewards]
    decided = [each for each in lowest if each is not None]
    limit = float(np.quantile(decided, quantile)) if decided else 0.0
    return [each is not None and each >= limit for each in lowest]
