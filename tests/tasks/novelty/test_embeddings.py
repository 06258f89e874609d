"""Diversity by embeddings: worked out by hand, and on the weights that lie in the package."""

import sys

import numpy as np
import pytest

from schemas.errors import BadInput
from tasks.novelty.embeddings import NEAREST, check_embedder, diversities, embedded

X, Y, Z = np.eye(3)


def test_three_candidates_are_held_against_each_other():
    between = (X + Y) / 2**0.5
    cosine = 2**-0.5
    expected = [(1 - cosine / 2) / 2, (1 - cosine / 2) / 2, (1 - cosine) / 2]
    assert diversities(np.stack([X, Y, between]), np.zeros((0, 1))) == pytest.approx(expected)


def test_only_the_nearest_count_and_the_pools_do_too():
    copies = np.stack([X] * NEAREST + [Y] * 20)
    assert diversities(np.stack([X, Z]), copies) == pytest.approx([0, 0.5])
    assert diversities(np.stack([X]), np.stack([-X])) == pytest.approx([1])


def test_what_stands_alone_is_as_diverse_as_can_be():
    assert diversities(np.stack([X]), np.zeros((0, 1))) == [1]
    assert diversities(embedded([]), embedded(["1+1"])) == []


def test_the_weights_tell_a_copy_from_another_subject_without_a_network(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *given: pytest.fail("asked the network"))
    circle, again, train, nothing = embedded(
        ["What is the area of a circle of radius 3?", "What is the area of a circle of radius 5?",
         "A train leaves at noon. When does it arrive?", ""]
    )  # fmt: skip
    assert np.linalg.norm([circle, train], axis=1) == pytest.approx(1) and not nothing.any()
    assert circle @ again > 0.9 > 0.5 > circle @ train


def test_who_has_it_not_is_told_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(BadInput, match=r"wordllama, .* not installed; type: .*'\.\[diversity\]'"):
        check_embedder()
