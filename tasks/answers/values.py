"""Values: what an expression is worth, exactly where it is rational, else to many digits at a few points.

Two expressions are the same if they agree wherever both are defined: letters stand for numbers drawn from their
names, and agreement to `DIGITS` digits at several points, relative to the size of the values, decides (Schwartz 1980,
doi 10.1145/322217.322225). Nothing is rounded to a number of decimals: 1/2^60 is not 0. Sizes and steps are bounded.
"""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tasks.answers.cursor import Node, is_small
from tasks.answers.evaluation import DIGITS, numeric, precise, symbols
from tasks.answers.exact import Unknown, exact

AGREEING = 75
FLOAT_DIGITS = range(15, 18)
"""A decimal with so many significant digits may be the float of another number; one with more was meant so."""


def points(
    names: frozenset[str], whole: frozenset[str] = frozenset(), far: bool = False
) -> Iterator[dict[str, Fraction]]:
    """Numbers for letters: between 0 and 1, above 1, all negative, of both signs. Fixed by the names alone. Bounds of
    sums, `whole`, are small whole numbers. `far`: also numbers of tens and thousands, where pieces may part."""
    for point in range(4 + 6 * far):
        found = {}
        for place, name in enumerate(sorted(names)):
            drawn = int.from_bytes(hashlib.sha256(f"{point} {name}".encode(errors="surrogatepass")).digest()[:6])
            value = Fraction(drawn, 2**48) * Fraction(9, 10) + Fraction(1, 20)
            sign = -1 if point == 2 or (point == 3 and place % 2) or (point > 3 and point % 2) else 1
            value *= _SCALES[point]
            found[name] = Fraction(point + 3) if name in whole else sign * (value if point == 0 else value + point)
        yield found


_SCALES = (1, 1, 1, 1, 12, 12, 150, 150, 9_000, 9_000)
_IN_PIECES = ("abs", "floor", "ceil", "min", "max")


def _has_pieces(node: Any) -> bool:
    """Whether an expression may have another rule further out: bars, steps, and roots of squares."""
    if not isinstance(node, tuple):
        return False
    if node and ((node[0] == "call" and node[1] in _IN_PIECES) or (node[0] == "^" and _is_root(node[2]))):
        return True
    return any(map(_has_pieces, node))


def _is_root(exponent: Node) -> bool:
    return bool(exponent[0] == "num" and exponent[1].denominator % 2 == 0)


def _bounds(node: Any) -> frozenset[str]:
    """Letters in the bounds of sums and products."""
    if not isinstance(node, tuple):
        return frozenset()
    own = symbols(node[3]) | symbols(node[4]) if node and node[0] == "big" else frozenset()
    return own.union(*map(_bounds, node))


def same_value(first: Node, second: Node) -> bool | None:
    """Whether two expressions are the same wherever both are defined; None if that cannot be worked out."""
    return _same_small(first, second) if is_small(first) and is_small(second) else _same(first, second)


@lru_cache(maxsize=1 << 14)
def _same_small(first: Node, second: Node) -> bool | None:
    return _same(first, second)


def _same(first: Node, second: Node) -> bool | None:
    if first == second:
        return True
    try:
        one, other = exact(first), exact(second)
        if one is not None and other is not None:
            return one == other or _is_float_of(first, other) or _is_float_of(second, one)
    except Unknown:
        if _divides_by_zero(first) or _divides_by_zero(second):
            return None
    try:
        with precise():
            return _agree(first, second)
    except (Unknown, RecursionError):
        return None


def _is_float_of(node: Node, value: Fraction) -> bool:
    """Whether a decimal is a value to all digits of a float."""
    node = node[1] if node[0] == "neg" else node
    if not _is_long(node):
        return False
    return bool(value) and abs(abs(node[1] / value) - 1) < Fraction(4, 10**16)


def _divides_by_zero(node: Node) -> bool:
    try:
        exact(node)
    except Unknown as error:
        return "zero" in str(error)
    return False


def _agree(first: Node, second: Node) -> bool | None:
    names = symbols(first) | symbols(second)
    if not names:
        return _agree_for_certain(first, second)
    far = _has_pieces(first) or _has_pieces(second)
    for place, point in enumerate(points(names, _bounds(first) | _bounds(second), far)):
        try:
            one, other = numeric(first, point), numeric(second, point)
        except Unknown:
            if place < 4:
                raise
            continue  # far out it may be too large
        if _close(one, other) or _vanish(first, second, point):
            continue
        if place < 2 or (_is_real(one) and _is_real(other)):  # negative letters may leave what is real
            return False
    return True


def _agree_for_certain(first: Node, second: Node) -> bool:
    """Two values: what agrees must go on agreeing with four times the digits; 1-e^{-200} is not 1."""
    one, other = numeric(first, {}), numeric(second, {})
    if (_is_long(first) or _is_long(second)) and _close(one, other, 15):
        return True
    if not _close(one, other) and not _vanish(first, second, {}):
        return False
    with precise(4 * DIGITS):
        one, other = numeric(first, {}, 4 * DIGITS), numeric(second, {}, 4 * DIGITS)
        return _close(one, other, 4 * AGREEING) or _vanish(first, second, {})


def _is_long(node: Node) -> bool:
    node = node[1] if node[0] == "neg" else node
    return bool(node[0] == "num" and node[2] in FLOAT_DIGITS and node[1].denominator > 1)


def _close(one: Any, other: Any, digits: int = AGREEING) -> bool:
    return bool(abs(one - other) <= max(abs(one), abs(other)) * _tenth(digits))


def _tenth(digits: int) -> Any:
    import mpmath

    return mpmath.mpf(10) ** -digits


def _vanish(first: Node, second: Node, point: dict[str, Fraction]) -> bool:
    """Whether the difference is a rounding of zero: with more digits it shrinks by as many."""
    difference: Node = ("+", (first, ("neg", second)))
    rough, fine = abs(numeric(difference, point)), abs(numeric(difference, point, 2 * DIGITS))
    return bool(rough < 1e-40 and fine <= rough * 10.0**-AGREEING)


def _is_real(value: Any) -> bool:
    import mpmath

    return bool(abs(mpmath.im(value)) <= abs(value) * 1e-20)


def proportional(first: Node, second: Node) -> Any:
    """The constant ratio of two expressions with letters, as a number of mpmath; None if there is none."""
    names = symbols(first) | symbols(second)
    ratios: list[Any] = []
    try:
        with precise():
            for point in points(names):
                one, other = numeric(first, point), numeric(second, point)
                if not one or not other:
                    return None
                ratios.append(one / other)
            return ratios[0] if all(_close(ratios[0], ratio) for ratio in ratios) else None
    except (Unknown, RecursionError):
        return None


def size_of(node: Node) -> Any:
    """The real value of an expression without letters, as a number of mpmath; None if it has none."""
    return _size_of_small(node) if is_small(node) else _size_of(node)


@lru_cache(maxsize=1 << 14)
def _size_of_small(node: Node) -> Any:
    return _size_of(node)


def _size_of(node: Node) -> Any:
    import mpmath

    if node == ("const", "infty"):
        return mpmath.inf
    if node == ("neg", ("const", "infty")):
        return -mpmath.inf
    try:
        with precise():
            value = numeric(node, {})
            return mpmath.re(value) if _is_real(value) else None
    except (Unknown, RecursionError):
        return None
