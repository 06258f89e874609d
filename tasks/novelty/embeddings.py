"""Embeddings: how unlike others a question is by what it means, not by its words (OpenSIR, arXiv 2511.00602)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import BadInput

if TYPE_CHECKING:
    from numpy import ndarray

NEAREST = 5
"""Others that a question is held against: those most like it."""


def check_embedder() -> None:
    """Raises BadInput where what embeds is not installed."""
    if find_spec("wordllama") is None:
        mend = "type: .venv/bin/pip install -c constraints.txt -e '.[diversity]'"
        raise BadInput(f"reward_diversity: wordllama, which embeds questions, is not installed; {mend}")


def embedded(texts: Sequence[str]) -> ndarray[Any, Any]:
    """Unit vectors, one a text: the mean of its tokens' vectors; zeros for a text without a token."""
    import numpy as np

    found: ndarray[Any, Any] = np.asarray(_embedder().embed(list(texts)) if texts else np.zeros((0, 1)), np.float64)
    unit: ndarray[Any, Any] = found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)
    return unit


def diversities(own: ndarray[Any, Any], known: ndarray[Any, Any]) -> list[float]:
    """Of each of these unit vectors, (1 - mean of its largest cosines to the others and to known ones) / 2: 0 for a
    copy of them all, 1/2 at right angles; 1 where there is no other."""
    import numpy as np

    if not len(own):
        return []
    cosines = own @ np.concatenate([own, known]).T if len(known) else own @ own.T
    np.fill_diagonal(cosines, -np.inf)  # itself, the last in order
    nearest = np.sort(cosines, axis=1)[:, ::-1][:, : min(NEAREST, cosines.shape[1] - 1)]
    return [float((1 - row.mean()) / 2) if row.size else 1.0 for row in nearest]


@lru_cache(maxsize=1)
def _embedder() -> Any:
    """The weights that lie in the package: nothing is fetched."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)  # else its import shows INFO lines of every library
    try:
        import wordllama
    finally:
        root.removeHandler(quiet)
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
