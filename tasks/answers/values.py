"""Values: what an expression is worth, exactly where it is rational, else to many digits at a few points.

Two expressions are the same if they agree wherever both are defined: letters stand for numbers drawn from their
names, and agreement to `DIGITS` digits at several points, relative to the size of the values, decides (Schwartz 1980,
doi 10.1145/322217.322225). Nothing is rounded to a number of decimals: 1/2^60 is not 0. Sizes and steps are bounded.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tasks.answers.cursor import Node, is_small
from tasks.answers.exact import Unknown, exact

DIGITS = 100
"""Decimal digits that values are worked out to; AGREEING of them must agree."""
AGREEING = 75
MAX_STEPS = 20_000
MAX_TERMS = 2_000
"""Longest sum or product that is added up."""
FLOAT_DIGITS = range(15, 18)
"""A decimal with so many significant digits may be the float of another number; one with more was meant so."""


def symbols(node: Any) -> frozenset[str]:
    """Names of the letters that an expression depends on."""
    if not isinstance(node, tuple):
        return frozenset()
    if node and node[0] == "sym":
        return frozenset((node[1],))
    if node and node[0] == "opaque":
        return frozenset((f"={node[1]}",))
    if node and node[0] == "call" and node[1] not in _FUNCTIONS:
        return frozenset((_called(node),))
    if node and node[0] == "big":
        return frozenset().union(*(symbols(part) for part in node[3:])) - {node[2][1]}
    return frozenset().union(*(symbols(part) for part in node)) if node else frozenset()


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


_one_at_a_time = threading.RLock()


@contextmanager
def _precise(digits: int = DIGITS) -> Iterator[None]:
    """mpmath at work with so many digits: its precision and its constants belong to the whole process."""
    import mpmath

    with _one_at_a_time, mpmath.workdps(digits):
        yield


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


def numeric(node: Node, at: dict[str, Fraction], digits: int = DIGITS) -> Any:
    """The value at a point, as a complex number of mpmath with so many digits. Raises Unknown."""
    with _precise(digits):
        try:
            value = _Work(at).of(node)
        except Unknown:
            raise
        except Exception as error:  # whatever a function says of its arguments
            raise Unknown(str(error)[:80]) from None
        return value


class _Work:
    """One evaluation, with its count of steps."""

    def __init__(self, at: dict[str, Fraction]) -> None:
        import mpmath

        self.mp, self.at, self.steps = mpmath.mp, at, 0

    def of(self, node: Node) -> Any:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unknown("too long")
        value = self._of(node)
        if not self.mp.isfinite(value) or abs(self.mp.mag(value) if value else 0) > 10**6:
            raise Unknown("too large")
        return value

    def _of(self, node: Node) -> Any:
        mp, kind = self.mp, node[0]
        if kind == "num":
            return mp.mpf(node[1].numerator) / node[1].denominator
        if kind == "sym":
            return self._letter(node[1])
        if kind == "opaque":
            return self._letter(f"={node[1]}")
        if kind == "const":
            if node[1] == "infty":
                raise Unknown("infinite")
            return {"pi": +mp.pi, "e": +mp.e, "i": mp.mpc(0, 1)}[node[1]]
        if kind == "group":
            return self.of(node[1])
        if kind == "neg":
            return -self.of(node[1])
        if kind == "+":
            return mp.fsum([self.of(term) for term in node[1]])
        if kind == "*":
            return mp.fprod([self.of(factor) for factor in node[1]])
        if kind in ("/", "ratio"):
            return self.of(node[1]) / self.of(node[2])
        if kind == "^":
            return self._power(self.of(node[1]), self.of(node[2]))
        if kind == "!":
            return self._gamma(self.of(node[1]) + 1)
        if kind == "amount" and node[2] == "degree":
            return self.of(node[1]) * mp.pi / 180
        if kind == "amount" and node[2] == "%":
            return self.of(node[1]) / 100
        if kind == "call":
            return self._call(node)
        if kind == "big":
            return self._big(node)
        if kind == "det":
            return mp.det(mp.matrix([[self.of(entry) for entry in row] for row in node[1]]))
        raise Unknown(kind)

    def _letter(self, name: str) -> Any:
        if name not in self.at:
            raise Unknown(name)
        return self.mp.mpf(self.at[name].numerator) / self.at[name].denominator

    def _power(self, base: Any, exponent: Any) -> Any:
        mp = self.mp
        if base == 0:
            if mp.re(exponent) <= 0:
                raise Unknown("zero to no positive power")
            return mp.mpf(0)
        if abs(exponent) * (abs(mp.mag(base)) + 1) > 10**6:
            raise Unknown("too large")
        return mp.power(base, exponent)

    def _gamma(self, value: Any) -> Any:
        if abs(value) > 10**4:
            raise Unknown("too large")
        return self.mp.gamma(value)

    def _call(self, node: Node) -> Any:
        mp, name = self.mp, node[1]
        if name not in _FUNCTIONS:
            return self._letter(_called(node))
        values = [self.of(argument) for argument in node[2]]
        if len(values) != 1 and name not in ("log", "binom", "min", "max", "gcd", "lcm"):
            raise Unknown(name)
        if name == "binom":
            return self._gamma(values[0] + 1) / self._gamma(values[1] + 1) / self._gamma(values[0] - values[1] + 1)
        if name in ("min", "max"):
            return (min if name == "min" else max)(mp.re(value) for value in values)
        if name in ("gcd", "lcm"):
            raise Unknown(name)
        (value, *base) = values
        if value and mp.mag(value) > 400 and name not in ("abs", "log", "ln", "lg"):
            raise Unknown("too large")
        if name in ("floor", "ceil"):
            return (mp.floor if name == "floor" else mp.ceil)(mp.re(value))
        if name in ("log", "ln", "lg"):
            if base:
                return mp.log(value) / mp.log(base[0])
            return mp.log10(value) if name == "lg" else mp.log(value)
        if name == "abs":
            return abs(value)
        if name == "cis":
            return mp.cos(value) + mp.mpc(0, 1) * mp.sin(value)
        if name == "exp" and abs(value) > 10**5:
            raise Unknown("too large")
        return getattr(mp, _MPMATH.get(name, str(name)))(value)

    def _big(self, node: Node) -> Any:
        _, which, variable, low, high, body = node
        first, last = (exact(_with_numbers(bound, self.at)) for bound in (low, high))
        if first is None or last is None or first.denominator != 1 or last.denominator != 1:
            raise Unknown("bounds")
        if last - first > MAX_TERMS:
            raise Unknown("too long")
        before = self.at
        result = self.mp.mpf(0 if which == "sum" else 1)
        for number in range(first.numerator, last.numerator + 1):
            self.at = before | {variable[1]: Fraction(number)}
            term = self.of(_with_number(body, variable, number))
            result = result + term if which == "sum" else result * term
        self.at = before
        return result


def _with_numbers(node: Any, at: dict[str, Fraction]) -> Any:
    if isinstance(node, tuple) and node and node[0] == "sym" and node[1] in at:
        return ("num", at[node[1]], 0)
    return tuple(_with_numbers(part, at) for part in node) if isinstance(node, tuple) else node


def _with_number(node: Any, variable: Node, number: int) -> Any:
    """The body with a number in the variable's place: i is no imaginary unit there."""
    if node == variable:
        return ("num", Fraction(number), 0)
    return tuple(_with_number(part, variable, number) for part in node) if isinstance(node, tuple) else node


_MPMATH = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc",
    "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh",
}  # fmt: skip
_FUNCTIONS_NAMES = """
sin cos tan cot sec csc sinh cosh tanh coth sech csch cis log ln lg exp gcd lcm min max binom abs floor ceil
"""
_FUNCTIONS = frozenset(_FUNCTIONS_NAMES.split()) | set(_MPMATH)


def _called(node: Node) -> str:
    """The name under which a function of unknown rule is a letter: with its arguments."""
    return f"{node[1]}({node[2]!r})"


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
        with _precise():
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
    with _precise(4 * DIGITS):
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
        with _precise():
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
        with _precise():
            value = numeric(node, {})
            return mpmath.re(value) if _is_real(value) else None
    except (Unknown, RecursionError):
        return None
