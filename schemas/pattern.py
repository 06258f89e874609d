r"""Patterns: the regular expressions of a recipe, run on what a model wrote.

They are written as for Python's `re` and run by RE2 (github.com/google/re2), which never backtracks: no text, however
hostile, holds a round. What RE2 cannot do is refused when the recipe is loaded. `\d`, `\w` and `\s` mean those of any
script, as in `re`; `\b` alone knows only ASCII letters, digits and the underscore.
"""

import re
import unicodedata
import warnings
from collections import deque
from functools import lru_cache
from itertools import islice
from typing import Any

MAX_CHARS = 32_000
"""A last match is looked for in so much of the text's end: each match may look ahead to the end once more."""
MAX_MEMORY = 32 << 20


def checked(pattern: str) -> str:
    """The pattern itself; ValueError names what is wrong with it, and what to write in its place."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what `[[` may mean to Python one day is nothing to RE2
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    _compiled(pattern)
    return pattern


def last_match(pattern: str, text: str) -> str | None:
    """The last match's group 1 if the pattern has one, else all of it; None without a match."""
    compiled = _compiled(pattern)
    latest = deque(compiled.finditer(_bytes(text[-MAX_CHARS:])), maxlen=1)
    found = latest[0].group(1 if compiled.groups else 0) if latest else None
    return None if found is None else found.decode("utf-8", "surrogatepass")


def first_groups(pattern: str, text: str) -> tuple[str, ...] | None:
    """The groups of the first match, "" for one that took no part; None without a match. The text is looked at as far
    as MAX_CHARS."""
    found = _compiled(pattern).search(_bytes(text[:MAX_CHARS]))
    return (
        None if found is None else tuple((group or b"").decode("utf-8", "surrogatepass") for group in found.groups())
    )


def first_span(pattern: str, text: str) -> tuple[int, int] | None:
    """Where group 1 of the first match begins and ends, in characters; None where it took no part, or without one."""
    raw = _bytes(text[:MAX_CHARS])
    found = _compiled(pattern).search(raw)
    if found is None or found.start(1) < 0:
        return None
    first, last = (len(raw[:place].decode("utf-8", "surrogatepass")) for place in found.span(1))
    return first, last


def number_of_matches(pattern: str, text: str, most: int) -> int:
    """How often the pattern matches, as far as MAX_CHARS and up to `most`."""
    found = _compiled(pattern).finditer(_bytes(text[:MAX_CHARS]))
    return sum(1 for _ in islice(found, most))


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text is a match."""
    return _compiled(pattern).fullmatch(_bytes(text)) is not None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # half a pair is a character too, as it is for `re`


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2  # here: commands that read no recipe do without it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(_bytes(_for_re2(pattern)), options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"RE2 cannot match it in linear time: {why}; write fewer or smaller repeats") from error


_ESCAPE = r"\\(?:N\{[^}]*\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|0[0-7]{0,2}|[1-9][0-9]?|.)"
_FLAGS = r"\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?[:)]"
_GROUP = r"\(\?(?:P?<?[=!]|\#[^)]*\)|[(>])"
_REPEAT = r"\{,[0-9]+\}|(?:[*+?]|\{[0-9,]+\})\+"
_TOKEN = re.compile(rf"{_ESCAPE}|{_FLAGS}|{_GROUP}|{_REPEAT}|\[\^?\]?|.", re.DOTALL)
_IN_A_CLASS = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_BESIDE = "match what stands beside it too, and put what you want in group 1"
_REFUSED = {
    "(?=": ("lookahead", _BESIDE),
    "(?!": ("negative lookahead", _BESIDE),
    "(?<=": ("lookbehind", _BESIDE),
    "(?<!": ("negative lookbehind", _BESIDE),
    "(?P=": ("backreference", "write out what may stand there"),
    "(?(": ("conditional group", "write both cases with |"),
    "(?>": ("atomic group", "write (?: in its place"),
}
_CLASSES = {
    r"\d": r"\p{Nd}",
    r"\w": r"\p{L}\p{N}_",
    r"\s": r"\t-\r\x1c-\x20\x{85}\p{Z}",
    r"\D": r"\P{Nd}",
    r"\W": r"\x00-/:-@\[-\^`{-\x{a9}\p{M}\p{S}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{Z}\p{C}‿⁀⁔︳︴﹍-﹏＿",
    r"\S": r"\x00-\x08\x0e-\x1b!-\x7f\p{L}\p{M}\p{N}\p{S}\p{P}\p{Cf}\p{Co}\p{Cs}",
}


def _for_re2(pattern: str) -> str:
    """A pattern that `re` has compiled, in RE2's spelling."""
    made: list[str] = []
    at, in_class = 0, False
    while at < len(pattern):
        token = _next(_IN_A_CLASS if in_class else _TOKEN, pattern, at)
        at += len(token)
        if in_class:
            made.append(r"\[" if token == "[" else _escaped(token, in_class) if len(token) > 1 else token)
            in_class = token != "]"
        elif token.startswith("["):
            made.append(token.replace("]", r"\]"))
            in_class = True
        else:
            made.append(_spelled(token))
    return "".join(made)


def _next(tokens: re.Pattern[str], pattern: str, at: int) -> str:
    found = tokens.match(pattern, at)
    assert found, "any character is a token"
    return found.group()


def _spelled(token: str) -> str:
    _refuse(*_REFUSED.get(token, ("", "")), token)
    if token == "$":
        return r"(?:$|\n\z)"  # before a last line break too
    if token.startswith("(?#"):
        return ""
    if token.startswith("(?"):
        return _flags(token)
    if token.startswith("{,"):
        return "{0" + token[1:]
    if len(token) > 1 and token[-1] == "+" and token[0] != "\\":
        _refuse("possessive repeat", "leave its last + out", token)
    if token[0] == "\\" and token[1] in "123456789":
        _refuse("backreference", "write out what may stand there", token)
    return _escaped(token, in_class=False) if token[0] == "\\" else token


def _flags(token: str) -> str:
    if "x" in token.partition("-")[0]:
        _refuse("verbose flag", "write the pattern without spaces and comments", token)
    if "a" in token:
        _refuse("ASCII flag", r"write [0-9] for \d and [A-Za-z0-9_] for \w", token)
    kept = token.replace("u", "").replace("-x", "-").replace("-:", ":")
    return "" if kept == "(?)" else kept


def _refuse(name: str, instead: str, token: str) -> None:
    if name:
        raise ValueError(f"{name} {token} is refused by RE2, which cannot be held up by a hostile text: {instead}")


def _escaped(token: str, in_class: bool) -> str:
    kind, rest = token[1], token[2:]
    if token in _CLASSES:
        if in_class:
            return _CLASSES[token]
        return f"[^{_CLASSES[token.lower()]}]" if kind.isupper() else f"[{_CLASSES[token]}]"
    if rest and kind in "uUx":
        return f"\\x{{{rest}}}"
    if kind == "N":
        return f"\\x{{{ord(unicodedata.lookup(rest[1:-1])):x}}}"
    if kind in "01234567":
        return f"\\x{{{int(token[1:], 8):x}}}"
    if kind == "b" and in_class:
        return r"\x08"
    return r"\z" if kind == "Z" else token if kind.isascii() else kind
