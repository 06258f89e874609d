"""Names: whether letters are a name, a function of what stands in brackets, or factors."""

from tasks.answers.cursor import Cursor, Node
from tasks.answers.tokens import Token

RELATIONS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "le": "<=",
    "ge": ">=",
    "ne": "!=",
    "approx": "=",
    "equiv": "=",
    "≈": "=",
    "in": "in",
}


ALWAYS_CALLED = frozenset("fgO")


def is_capitals(token: Token) -> bool:
    """Whether a token is a run of capitals: AB, a segment or a product."""
    return (
        token.kind == "word"
        and token.text.isupper()
        and token.text.isascii()
        and len(token.text) < 5
        and not token.boxed
    )


def inverse(at: Cursor, letter: str) -> str:
    """`^{-1}` between a function's name and its argument."""
    if letter not in "fgh" or [getattr(at.next(i), "text", "") for i in range(6)] != ["^", "{", "-", "1", "}", "("]:
        return ""
    at.place += 5
    return "^{-1}"


def counted(at: Cursor, letter: str) -> Node | None:
    """`C(5,2)` and `P(5,2)`: ways to choose and to arrange."""
    if [getattr(at.next(i), "text", "") for i in (0, 2, 4)] != ["(", ",", ")"]:
        return None
    above, below = at.next(1), at.next(3)
    assert above is not None and below is not None
    if above.kind != "number" or below.kind != "number":
        return None
    at.place += 5
    chosen: Node = ("call", "binom", (("num", above.value, 0), ("num", below.value, 0)))
    return chosen if letter == "C" else ("*", (chosen, ("!", ("num", below.value, 0))))


def is_called(at: Cursor, letter: str) -> bool:
    """Whether a letter before brackets is a function: `P(0)`, `P(A)`, `F(b)`, `h(t)`; `n(n+1)` is a product."""
    inside, close, then = at.next(1), at.next(2), at.next(3)
    if inside is None or close is None or close.text != ")" or inside.kind not in ("letter", "number"):
        return False
    if inside.kind == "number" or letter in "FGHPQ" or (letter.isupper() and inside.text.isupper()):
        return True
    return (letter in "hyuvsp" and inside.text in "xtsz") or (then is not None and then.text in RELATIONS)
