"""Evaluation: the value of an expression at a point, to many digits. Sizes and steps are bounded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from tasks.answers.cursor import Node
from tasks.answers.exact import Unknown, exact

DIGITS = 100
"""Decimal digits that values are worked out to; AGREEING of them must agree."""


MAX_STEPS = 20_000


MAX_TERMS = 2_000
"""Longest sum or product that is added up."""


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


_one_at_a_time = threading.RLock()


@contextmanager
def precise(digits: int = DIGITS) -> Iterator[None]:
    """mpmath at work with so many digits: its precision and its constants belong to the whole process."""
    import mpmath

    with _one_at_a_time, mpmath.workdps(digits):
        yield


def numeric(node: Node, at: dict[str, Fraction], digits: int = DIGITS) -> Any:
    """The value at a point, as a complex number of mpmath with so many digits. Raises Unknown."""
    with precise(digits):
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
