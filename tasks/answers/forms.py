r"""Forms: what an answer says, as a tree in which spellings of one thing are one.

Beside the nodes of `expressions` there are ("amount", value, unit or noun), ("named", ((name, value), ...)),
("reals", name or "", pieces), ("several", items), ("ratios", parts), ("family", node), ("sequence", items),
("choice", letter, text), ("clock", seconds, half), ("date", year, month, day), ("based", value, base),
("quotient", whole, rest), ("words", text) and ("raw", text): mathematics that is not read here.
"""

import itertools
import re
from fractions import Fraction
from functools import lru_cache

from tasks.answers import phrases
from tasks.answers.characters import plain_characters
from tasks.answers.cursor import MEMORISED, Node, NotMathematics
from tasks.answers.exact import Unknown, exact
from tasks.answers.expressions import parse
from tasks.answers.latex import plain_latex
from tasks.answers.numerals import is_ordinal, number_in_words
from tasks.answers.reals import ALL
from tasks.answers.shapes import shaped
from tasks.answers.tokens import tokens_of
from tasks.answers.units import unit_of


def read(text: str) -> Node:
    """What an answer of bounded length says. Never raises; ("words", "") for one that says nothing."""
    return _read_short(text) if len(text) <= MEMORISED else _read(text)


@lru_cache(maxsize=1 << 15)
def _read_short(text: str) -> Node:
    return _read(text)


def _read(text: str) -> Node:
    plain = _MINUS.sub("-", _LABEL.sub("", bare(plain_latex(plain_characters(text)))))
    flat = without_text_macros(plain)
    if not flat.replace("\\dollar", "").strip("$ "):  # a sign without an amount
        return ("words", "")
    return _phrase(flat) or _mathematics(plain, flat)


_MINUS = re.compile(r"^(?:negative|minus) (?=[\d\\$(])", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:(?:in )?(?:the )?year (?=\d)|in (?=\d{4}$)|#{2,} ?|(?:about|approximately|approx\.|roughly|around) (?=\S)"
    r"|(?:the )?(?:final )?(?:answer|ans|答案|答|respuesta|réponse|antwort|ответ)\s?(?::|=|\bis\b|是|为)\s?)",
    re.IGNORECASE,
)
_WRAPPERS = (("\\boxed{", "}"), ("\\fbox{", "}"), ("\\underline{", "}"), ("**", "**"), ("*", "*"), ("`", "`"),
             ("{", "}"),
             ('"', '"'), ("“", "”"))  # fmt: skip


def bare(text: str) -> str:
    """Take off wrappers around the whole, marks at its edges and a leading plus, while there are any."""
    for _ in range(12):
        inner = text.strip()
        for opening, closing in _WRAPPERS:
            if len(inner) >= len(opening) + len(closing) and inner.startswith(opening) and inner.endswith(closing):
                inside = inner[len(opening) : -len(closing)]
                # {1,2} is a set, {a}{b} two groups, *a* b* no emphasis
                if not re.search(r"[{},]" if opening == "{" else re.escape(opening[-1]), inside) or (
                    opening[0] == "\\" and _is_one_group(inside)
                ):
                    inner = inside
                    break
        inner = _trimmed(inner)
        if inner == text:
            break
        text = inner
    return text


def _trimmed(text: str) -> str:
    text = text.strip().removeprefix("+") if not text.strip().startswith("+-") else text.strip()
    text = text.lstrip("&: ").strip()
    if text.lower().endswith((".m.", " p.m", " a.m")):
        return text
    while text and (text[-1] in ",;:&" or text.endswith("**") or (text[-1] == "." and not text.endswith(".."))):
        text = text[: -2 if text.endswith("**") else -1].rstrip()
    return text.removesuffix("\\\\").strip()


def _is_one_group(inside: str) -> bool:
    depth = 0
    for found in re.finditer(r"\\.|[{}]", inside, re.DOTALL):
        depth += (found.group() == "{") - (found.group() == "}")
        if depth < 0:
            return False
    return depth == 0


_MACRO = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|mbox|hbox|mathrm|mathbf|mathit|operatorname|boldsymbol|bm|emph)\*?\s?\{([^{}]*)\}"
)


def without_text_macros(text: str) -> str:
    r"""`\text{5 cm}` as `5 cm`; two levels of it."""
    for _ in range(2):
        text = _MACRO.sub(r"\1", text)
    return " ".join(text.split()).strip()


_REMARK = re.compile(r"\s\(((?=[^)]*[A-Za-z]{3})[A-Za-z][A-Za-z ,'.-]{2,60})\)\s*$")
_ALL_NUMBERS = re.compile(
    r"(?:the set of )?(?:all |any )?(?:the )?(real|reals|integer|integers|natural|rational|complex)(?: numbers?)?"
)
_SETS = {"integer": "Z", "natural": "N", "rational": "Q", "complex": "C"}
_INFINITY = re.compile(r"(?:(positive|negative|plus|minus) )?infinity")


def _phrase(flat: str) -> Node | None:
    """Answers that are no mathematics, though figures may stand in them."""
    if not flat:
        return ("words", "")
    if (choice := phrases.choice_of(flat)) is not None:
        return ("choice", *choice)
    if (clock := phrases.clock_of(flat)) is not None:
        return ("clock", *clock)
    if (date := phrases.date_of(flat)) is not None:
        return ("date", *date)
    if (based := phrases.based_number(flat)) is not None:
        return ("num", Fraction(based[0]), 0) if based[1] == 10 else ("based", *based)
    if (quotient := phrases.quotient_of(flat)) is not None:
        return ("quotient", *quotient)
    if (lengths := phrases.feet_and_inches(flat)) is not None:
        return _phrase_of_amounts([(lengths[0], "foot"), (lengths[1], "inch")])
    if (value := number_in_words(flat)) is not None:
        return ("num", value, 0)
    if found := _ALL_NUMBERS.fullmatch(flat.lower()):
        return ALL if found[1] in ("real", "reals") else ("all", _SETS[found[1].rstrip("s")])
    if found := _INFINITY.fullmatch(flat.lower()):
        return ("neg", ("const", "infty")) if found[1] in ("negative", "minus") else ("const", "infty")
    if (spelled := _spelled_amount(flat)) is not None:
        return spelled
    if phrases.words_form(flat) in ("no solution", "empty set"):
        return ("empty",)
    return _compound(flat)


def _spelled_amount(flat: str) -> Node | None:
    """`five apples`, `half an hour`."""
    words = flat.split()
    if not 1 < len(words) <= 10 or (not words[0].isalpha() and "-" not in words[0]):
        return None
    for end in range(len(words) - 1, 0, -1):
        value = None if is_ordinal(words[end - 1]) else number_in_words(" ".join(words[:end]))
        rest = " ".join(words[end:])
        if value is not None:
            unit = unit_of(rest.removeprefix("an ").removeprefix("of a "), True)
            if unit is not None:
                return ("amount", ("num", value, 0), unit)
            counted = len(rest.split()) < 4 and all(word.isalpha() for word in rest.split())
            return ("amount", ("num", value, 0), rest) if counted and not phrases.changes_the_value(rest) else None
    return None


_COMPOUND = re.compile(r"(-?\d+(?:\.\d+)?(?: \d+/\d+)?|\d+/\d+)\s?([^\W\d_]+\.?)(?:\s?,)?(?:\s(?:and\s)?|(?=\d)|$)")


def _compound(flat: str) -> Node | None:
    """`1 h 30 min`, `5 feet 6 inches`, `2 hours, 5 minutes and 3 seconds`."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(flat) and len(found) < 6:
        match = _COMPOUND.match(flat, at)
        if match is None:
            return None
        found.append((match[1], match[2]))
        at = match.end()
    return _phrase_of_amounts(found) if len(found) > 1 and at == len(flat) else None


def _phrase_of_amounts(parts: list[tuple[str, str]]) -> Node | None:
    """Amounts of one dimension, the larger units first, in the last one."""
    units = [unit_of(name, True) for _, name in parts]
    if any(unit is None for unit in units):
        return None
    known = [unit for unit in units if unit is not None]
    if len({unit.powers for unit in known}) > 1 or any(a.factor <= b.factor for a, b in itertools.pairwise(known)):
        return None
    total = Fraction(0)
    sign = -1 if parts[0][0].startswith("-") else 1  # of the whole
    for (figure, _), unit in zip(parts, known, strict=True):
        try:
            value = exact(shaped(parse(tokens_of(figure) or [])))
        except (NotMathematics, Unknown):
            return None
        if value is None or (value < 0 and figure is not parts[0][0]):
            return None
        value = abs(value)
        total += value * unit.factor / known[-1].factor
    return ("amount", ("num", sign * total, 0), known[-1])


def _mathematics(plain: str, flat: str) -> Node:
    """The tree of a formula; words or raw text if it is none that is read here."""
    if (remark := _REMARK.search(flat)) and (node := _with_remark(plain, flat, remark)) is not None:
        return node
    try:
        if (opened := re.fullmatch(r"([\[\]])(.+[,;].+)([\[\]])", plain, re.DOTALL)) and (
            opened[1] + opened[3]
        ) != "[]":
            plain = f"{'[' if opened[1] == '[' else '('}{opened[2]}{']' if opened[3] == ']' else ')'}"  # ]2,5[
        tokens = tokens_of(plain)
        if tokens is None:
            return ("raw", plain)
        node = shaped(parse(tokens))
        return ("words", flat) if node[0] == "sym" and node[1].isalpha() and len(node[1]) > 1 else node  # YES, AB
    except (NotMathematics, Unknown, RecursionError):
        pass
    if found := _LABELLED.fullmatch(flat):
        label = found[1].strip()
        plain_label = not _REFUSED_LABEL.search(label) and not phrases.changes_the_value(label)
        value = read(found[2]) if plain_label and " is " not in found[2] else ("words", "")
        if value[0] not in ("words", "raw", "named"):
            return ("named", ((("opaque", label.casefold().removeprefix("the ")), value),))
    if _is_mathematics(flat):
        return ("raw", flat)
    return _names(flat) or ("words", flat)


def _names(flat: str) -> Node | None:
    """`Bob and Alice`: names that "and" joins have no order."""
    names = re.split(r",? and |, ", flat)
    if (
        " and " not in flat
        or not 1 < len(names) <= 8
        or not all(re.fullmatch(r"[^\W\d_]+(?: [^\W\d_]+)?", n) for n in names)
    ):
        return None
    return ("set", tuple(sorted((("words", name) for name in names), key=repr)))


_LABELLED = re.compile(r"([A-Za-z][A-Za-z ]{1,40}?)(?:\s?[=:]\s?|\sis\s)([^=:]{1,200})", re.DOTALL)  # area = 12


_REFUSED_LABEL = re.compile(
    r"(?i)\b(?:not?|neither|none|never|except|but|other|undefined|than|at|if|when|for|yes|true|false|solutions?)\b"
)
_HARMLESS = re.compile(
    r"(?i)(?:(?:double|triple|repeated|single) ?(?:root|solution)?|(?:with |of )?multiplicity \w+|exact(?:ly)?"
    r"|simplified|approx(?:imately|\.)?|in simplest form)"
)


def _with_remark(plain: str, flat: str, remark: re.Match[str]) -> Node | None:
    """`2 (double root)`, `5 (feet)`, `8 N (to the right)`: what stands in brackets behind a value is a remark, unless
    it changes the value."""
    if not remark.start() or re.match(r"(?:mod|base|or|and)\b", remark[1]):
        return None
    if phrases.changes_the_value(remark[1]):
        return ("words", f"{flat[: remark.start()]} {remark[1]}")
    node = _mathematics(plain[: plain.rfind("(")].rstrip(" {~\\").removesuffix("\\text"), flat[: remark.start()])
    unit = unit_of(remark[1], True)
    if node[0] in ("words", "raw") or (unit is None and not _HARMLESS.fullmatch(remark[1])):
        return None
    return ("amount", node, unit) if unit and node[0] not in ("amount", "named") else node


def _is_mathematics(flat: str) -> bool:
    letters = flat.isalpha() or re.findall(r"(?<!\\)\b[^\W\d_]{3,}", flat)
    return bool(re.search(r"[\\^_=<>]", flat)) or not letters


# from a parsed tree to one of few shapes
