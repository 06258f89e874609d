r"""Final answers: where an attempt states its answer, and the normal form that votes are counted by.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
Numbers are handled as strings, but for the reduction of fractions, whose length is bounded.
"""

import math
import re
import unicodedata
from collections import deque
from dataclasses import dataclass

MAX_CANONICAL_CHARS = 4_000
"""Longer answers keep their spelling: normalising them would cost time and huge integers."""


@dataclass(frozen=True)
class Answer:
    """What an attempt answered, as written, and where it stood.

    `source` is "pattern", "boxed", "hash", "phrase", "last_number" (a last resort, to be told apart) or
    "none".
    """

    text: str | None
    source: str


def final_answer(text: str, pattern: str | None = None) -> Answer:
    r"""Read the final answer from an attempt.

    With a recipe's own `pattern` (trusted), its last match decides alone: group 1 if it has one, else all of
    it. Without one, the first that is found of: the last balanced `\boxed{}`, the last `#### n`, the last
    `the answer is ...`, the last number. Blank answers count as not found.
    """
    if pattern is not None:
        return _answer(_last_match(pattern, text), "pattern")
    for find, source in (
        (_last_boxed, "boxed"),
        (_last_hash, "hash"),
        (_last_phrase, "phrase"),
        (_last_number, "last_number"),
    ):
        answer = _answer(find(text), source)
        if answer.text is not None:
            return answer
    return Answer(None, "none")


def canonical(answer: Answer | str) -> str:
    r"""Return the normal form of an answer: two answers with the same form are the same answer.

    Digits and signs of other scripts, LaTeX spellings, thousands separators, money signs, trailing units in
    `\text{}`, and spaces are levelled; `2.50` is `2.5`, `\frac{2}{4}` is `1/2`, `(a)` is `A`, `50\%` is
    `50%`. The case of letters is kept. Empty if nothing usable is left. Different forms may still be equal:
    that is for the checker to say.
    """
    text = answer.text if isinstance(answer, Answer) else answer
    if text is None:
        return ""
    text = " ".join(text.translate(_PLAIN).split())
    if len(text) > MAX_CANONICAL_CHARS:
        return text.replace(" ", "")
    for _ in range(4):  # what one pass uncovers, such as a letter and its accent, the next one mends
        before, text = text, _normal(text)
        if text == before:
            break
    return text


def _normal(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN).split())
    text = _bare(_plain_latex(text))
    return _choice(text) or _number(text) or _fraction(text) or text


def _answer(text: str | None, source: str) -> Answer:
    text = text.strip() if text is not None else ""
    return Answer(text, source) if text else Answer(None, "none")


def _last_match(pattern: str, text: str) -> str | None:
    found = _last(re.compile(pattern), text)
    if found is None:
        return None
    group: str | None = found.group(1 if found.re.groups else 0)
    return group


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    latest = deque(pattern.finditer(text), maxlen=1)
    return latest[0] if latest else None


_BRACES = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_NOT_BLANK = re.compile(r"\S")


def _last_boxed(text: str) -> str | None:
    """Content of the box that closes last and is not blank: one pass, one stack, however unbalanced."""
    if "\\boxed" not in text:
        return None
    found = None
    opened: list[int] = []  # where the content of each open brace begins; -1 for one that is no box
    for token in _BRACES.finditer(text):
        if token.group() == "}":
            start = opened.pop() if opened else -1
            if start >= 0 and _NOT_BLANK.search(text, start, token.start()):
                found = (start, token.start())
        elif token.group().endswith("{") and token.group() != "\\{":
            opened.append(token.end() if len(token.group()) > 1 else -1)
    return text[found[0] : found[1]] if found else None


def _last_hash(text: str) -> str | None:
    """What follows the last `####` that anything follows on its line."""
    for line in reversed(text.splitlines()) if "####" in text else ():
        _, mark, rest = line.rpartition("####")
        if mark and rest.strip():
            return rest
    return None


_PHRASE = re.compile(r"\bthe\s(?:final\s)?answer\sis\b\s{0,4}:?[\s*]{0,4}", re.IGNORECASE)
_MATHS = re.compile(r"\$\$?([^$\n]+)\$|\\\(([^\n]*?)\\\)")


def _last_phrase(text: str) -> str | None:
    """What follows the last "the answer is": the formula it opens with, else the rest of the sentence."""
    found = _last(_PHRASE, text)
    if found is None:
        return None
    maths = _MATHS.match(text, found.end())
    if maths:
        return maths.group(1) or maths.group(2)
    line = text[found.end() :].partition("\n")[0]
    return re.split(r"\.\s", line, maxsplit=1)[0].rstrip(" .*")


_NUMBER_IN_TEXT = re.compile(r"(?:(?<![\w)\]}])[-−])?\d+(?:,\d{3}(?!\d))*(?:\.\d+)?(?:/\d+)?(?:\\?%)?")


def _last_number(text: str) -> str | None:
    found = _last(_NUMBER_IN_TEXT, text)
    return found.group() if found else None


class _Plain(dict[int, str]):
    """Table for `str.translate`, filled as characters are met: each becomes plain mathematics if it can."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain_character(chr(code))
        return plain


_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "÷": "/", "√": "\\sqrt ",
    "≤": "\\le ", "≥": "\\ge ", "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "π": "\\pi ", "∞": "\\infty ",
    "°": "^\\circ ", "º": "^\\circ ", "٪": "%",
}  # fmt: skip


def _plain_character(character: str) -> str:
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if character.isspace():
        return " "
    if character == "$":
        return character  # a delimiter or money: settled with the LaTeX
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs", "Sc"):
        return ""  # controls, direction marks, lone surrogates, money signs
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if kind == "<super>":
        return f"^{{{plain}}}"
    if kind == "<fraction>":
        return " " + plain.replace("⁄", "/")  # 1½ is 1 1/2, not 11/2
    return plain


_PLAIN = _Plain()

_MACRO = r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|operatorname)\s?\{"
_TEXT = _MACRO + r"([^{}]*)\}"
_REPLACEMENTS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\\\$|\$|\\!|\\displaystyle(?![a-zA-Z])|\\(?:left|right)\.|(?<!\\)\\[()\[\]]", ""),
        (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", ""),
        (r"(?<!\\)\\[,;: ]|~|\\q?quad(?![a-zA-Z])", " "),
        (r"(?<=\d)\{,\}(?=\d)", ","),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(le|ge|ne)q(?![a-zA-Z])", r"\\\1"),
        (r"\\%", "%"),
        (r"(?<![a-zA-Z\\])oo(?![a-zA-Z])", r"\\infty"),
        # a unit is what stands in \text{} at the very end, after a figure: 5\text{ cm}^2
        (r"(?<=[\d})%])\s?" + _MACRO + r"(?!\s*[ei]\s*\})[^{}]*\}(?:\^\{?\d\}?)?\s?\.?$", ""),
        (r"\s?\^\s?\{?\s?\\circ\s?\}?\s?\.?$", ""),
        (_TEXT, r" \1 "),
        (_TEXT, r" \1 "),
        (r"\\frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s?(\d)\s?\{", r"\\frac{\1}{"),
        (r"\\frac\s?(\{[^{}]*\})\s?(\d)", r"\\frac\1{\2}"),
        (r"\\sqrt\s?(\d)", r"\\sqrt{\1}"),
        (r"\s+", " "),
        # spaces go, but where they part two numbers, or a command from a letter
        (r"(?<=\d) (?=\d)", "\0"),
        (r"(\\[a-zA-Z]+) (?=[a-zA-Z])", "\\1\0"),
        (" ", ""),
        ("\0", " "),
    )
)  # fmt: skip


def _plain_latex(text: str) -> str:
    for pattern, new in _REPLACEMENTS:
        text = pattern.sub(new, text)
    return text


_WRAPPERS = (("\\boxed{", "}"), ("**", "**"), ("{", "}"))


def _bare(text: str) -> str:
    """Take off wrappers around the whole, closing punctuation and a leading plus, while there are any."""
    while True:
        bare = text.strip().rstrip(".,;:").removeprefix("+")
        for opening, closing in _WRAPPERS:
            if len(bare) >= len(opening) + len(closing) and bare.startswith(opening) and bare.endswith(closing):
                inside = bare[len(opening) : -len(closing)]
                # {1,2} is a set, {a}{b} two groups
                if opening != "{" or not re.search(r"[{},]", inside):
                    bare = inside
        if bare == text:
            return bare
        text = bare


def _choice(text: str) -> str | None:
    found = re.fullmatch(r"\(?([A-Za-z])\)", text)
    return found.group(1).upper() if found else None


_NUMBER = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d*)(?:\.(\d*))?(%?)")


def _number(text: str) -> str | None:
    found = _NUMBER.fullmatch(text)
    if not found or not (found.group(2) or found.group(3)):
        return None
    sign, whole, decimals, percent = found.groups()
    whole = whole.replace(",", "").replace(" ", "").lstrip("0") or "0"
    decimals = (decimals or "").rstrip("0")
    figure = f"{whole}.{decimals}" if decimals else whole
    return (figure if figure == "0" else sign + figure) + percent


_FRACTION = re.compile(r"(-?)(?:(\d+) ?)?\\frac\{(-?\d+)\}\{(-?\d+)\}|(-?)(?:(\d+) )?(-?\d+)/(-?\d+)")


def _fraction(text: str) -> str | None:
    """Reduce a fraction of integers, mixed ones (1 1/2) included; None for anything else, and for n/0."""
    found = _FRACTION.fullmatch(text)
    if not found:
        return None
    sign, whole, above, below = found.groups()[:4] if found.group(4) else found.groups()[4:]
    numerator, denominator = int(above), int(below)
    if denominator == 0 or (whole and (numerator < 0 or denominator < 0)):
        return None
    numerator += int(whole or 0) * denominator
    numerator *= -1 if (sign == "-") != (denominator < 0) else 1
    divisor = math.gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, abs(denominator) // divisor
    return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"
