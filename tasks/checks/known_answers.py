"""A check of the checker: answers known to be right or wrong, made from a file's own references, and their marks.

What counts is rows, not answers: a row is in error if one of its known answers is marked as it should not be. A few
such rows are of the file (a reference that nobody could answer), many are of the reader, the checker or the recipe.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tasks.answers.canonical import value_form
from tasks.answers.equality import Compare
from tasks.answers.outcomes import Outcome
from tasks.reading.attempts import final_answer

Row = dict[str, Any]
Dress = tuple[str, str]
"""What stands before an answer, and behind it."""

ROWS = 16
"""Of a file, chosen by hash, that a run looks at before it scores a benchmark."""
MOST_ERRORS = 1 / 8
"""A larger share of rows in error, and more than one row, stops a run."""
MOST_UNDECIDED = 1 / 2
MAX_CHARS = 200
"""Of a form that a neighbour is made of."""

BOX: Dress = ("\\boxed{", "}")
SENTENCE: Dress = ("The answer is ", ".")
DRESSES: tuple[Dress, ...] = (
    BOX, SENTENCE, ("The answer is (", ")."), ("The answer is $", "$."), ("#### ", ""), ("#", ""), ("Answer: ", ""),
    ("answer: ", ""), ("ANSWER: ", ""), ("Final answer: ", ""), ("<answer>", "</answer>"), ("**", "**"), ("(", ")"),
    ("[", "]"), ("[[", "]]"), ("$", "$"), ('{"answer": "', '"}'), ("= ", ""), ("", ""),
)  # fmt: skip
"""Shapes that a recipe's own pattern may want an answer in."""
STAND_INS = ("7", "12.5", "-3", "A", "x", "yes", "Monday")
"""What shows that a pattern reads a shape, whatever a file's references are."""


@dataclass(frozen=True)
class Known:
    """An attempt that answers a row's question rightly, or wrongly, for certain."""

    row: Row
    text: str
    is_right: bool


@dataclass(frozen=True)
class Marked:
    """A known answer, what was read from it, and how that was marked."""

    known: Known
    read: str | None
    outcome: Outcome

    @property
    def is_error(self) -> bool:
        return self.outcome is (Outcome.DIFFERENT if self.known.is_right else Outcome.EQUAL)


@dataclass(frozen=True)
class Tally:
    """Rows with answers known to be right, or wrong: how many, an example of each one in error, and those that no
    check could decide."""

    rows: int
    errors: tuple[Marked, ...]
    undecided: tuple[Marked, ...]

    @property
    def has_too_many_errors(self) -> bool:
        return len(self.errors) > MOST_ERRORS * self.rows and (len(self.errors) > 1 or self.rows == 1)

    @property
    def has_too_many_undecided(self) -> bool:
        return len(self.undecided) > MOST_UNDECIDED * self.rows


def few(rows: Sequence[Row], most: int = ROWS) -> list[Row]:
    """So many rows, the same ones every time: those whose questions hash smallest."""
    return sorted(rows, key=lambda row: hashlib.sha256(row["question"].encode()).digest())[:most]


def known_answers(rows: Sequence[Row], pattern: str | None) -> list[Known]:
    """Answers to rows (question, reference), right ones in the shapes that the reader promises to read, or, with a
    recipe's pattern, in one that it reads; none if it reads no shape that is known here."""
    shapes = _shapes(rows, pattern) if pattern is not None else ()
    return [known for place, row in enumerate(rows) for known in _of_row(rows, place, row, pattern, shapes)]


def mark(
    known: Sequence[Known], pattern: str | None, compare: Compare, progress: Callable[[int], None] = lambda done: None
) -> list[Marked]:
    """Read each known answer and hold it against its reference, as an attempt at a benchmark is."""
    found: list[Marked] = []
    for begin in range(0, len(known), 256):
        some = known[begin : begin + 256]
        read = [final_answer(answer.text, pattern).text for answer in some]
        pairs = [(answer.row["reference"], text or "") for answer, text in zip(some, read, strict=True)]
        found += [Marked(*about) for about in zip(some, read, compare(pairs), strict=True)]
        progress(len(found))
    return found


def tally(marked: Sequence[Marked], *, right: bool) -> Tally:
    """By rows: in error if one answer is, undecided if none is and one could not be decided."""
    asked = [found for found in marked if found.known.is_right is right]
    errors = {id(found.known.row): found for found in reversed(asked) if found.is_error}
    open_ones = [found for found in asked if found.outcome is Outcome.UNDECIDED]
    undecided = {id(found.known.row): found for found in reversed(open_ones) if id(found.known.row) not in errors}
    rows = {id(found.known.row) for found in asked}
    return Tally(len(rows), tuple(reversed(errors.values())), tuple(reversed(undecided.values())))


def fault(marked: Sequence[Marked]) -> str:
    """Why a run must not score by this checker, with an example; "" if it may."""
    for right, sort in ((True, "right"), (False, "wrong")):
        found = tally(marked, right=right)
        if found.has_too_many_errors:
            other = "wrong" if right else "right"
            count = f"{len(found.errors)} of {found.rows} rows' answers known to be {sort} are marked {other}"
            return f"{count}, such as {worded(found.errors[0])}"
        if found.has_too_many_undecided:
            count = f"{len(found.undecided)} of {found.rows} rows' answers known to be {sort} could not be decided"
            return f"{count}, such as {worded(found.undecided[0])}"
    return ""


def worded(found: Marked) -> str:
    """One known answer and what became of it, on one line."""
    row = found.known.row
    read = "no answer" if found.read is None else _quoted(found.read)
    told = f"{_quoted(found.known.text)} for the reference {_quoted(row['reference'])}"
    return f"{told} (row {row['source_row']}): read as {read}, {found.outcome.value}"


def kind_of(reference: str) -> str:
    """number, choice, words, formula, other; or "nothing", for a reference without a normal form."""
    form = value_form(reference)
    if not form:
        return "nothing"
    if _parts_of_number(form):
        return "number"
    if _CHOICE.fullmatch(form):
        return "choice"
    if _WORDS.fullmatch(form):
        return "words"
    is_formula = len(form) <= MAX_CHARS and _FORMULA.fullmatch(form) and not _BY_ZERO.search(form)
    return "formula" if is_formula else "other"


_CHOICE = re.compile(r"[A-J]")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[ '’-][^\W\d_]+)*")
_FORMULA = re.compile(r"(?:\\(?:frac|sqrt|pi|cdot)(?![A-Za-z])|(?<![A-Za-z])[A-Za-z](?![A-Za-z])|[\d.{}()^+\-*/ ])+")
_BY_ZERO = re.compile(r"/0+(?![\d.])|\}\{0+(?:\.0*)?\}")
_NUMBER = re.compile(r"(-?)(\d+)(\.\d+|/\d+)?(%?)")


def _shapes(rows: Sequence[Row], pattern: str) -> tuple[Dress, ...]:
    said = (*STAND_INS, *(row["reference"] for row in few(rows)))
    return tuple(dress for dress in DRESSES if any(_is_read(dress, text, pattern) for text in said))


def _is_read(dress: Dress, text: str, pattern: str | None) -> bool:
    """Whether an answer in this dress is read as it stands."""
    read, form = final_answer(_dressed(dress, text), pattern).text, value_form(text)
    return bool(form) and read is not None and value_form(read) == form


def _dressed(dress: Dress, text: str) -> str:
    return f"{dress[0]}{text}{dress[1]}"


def _of_row(rows: Sequence[Row], place: int, row: Row, pattern: str | None, shapes: tuple[Dress, ...]) -> list[Known]:
    others = (*rows[place + 1 : place + 9], *rows[:8])
    wrong = _neighbours(row["reference"], [other["reference"] for other in others])
    if pattern is None:
        right = _as_promised(row["reference"], wrong)
        said = [_dressed(BOX, text) for text in wrong]
        if _is_balanced(row["reference"]):
            thought = f"<think>{_dressed(BOX, row['reference'])}"
            said += [thought, *(f"{thought}</think>\n{text}" for text in said[:1])]
    elif shapes:
        spellings = (row["reference"], value_form(row["reference"]))
        tries = [(dress, text) for text in spellings for dress in shapes]
        fits = [(dress, text) for dress, text in tries if _is_read(dress, text, pattern)] or tries
        right = [_dressed(*fits[0])]
        # what the pattern cannot read as it stands, a sign say, is no answer that this recipe knows
        said = [_dressed(fits[0][0], text) for text in wrong if _is_read(fits[0][0], text, pattern)]
    else:
        return []
    return [Known(row, text, True) for text in right] + [Known(row, text, False) for text in ("", *said)]


def _as_promised(reference: str, wrong: list[str]) -> list[str]:
    found = []
    if _is_balanced(reference):
        box = _dressed(BOX, reference)
        found += [box, f"<think>\nIs it {_dressed(BOX, wrong[0] if wrong else '0')}?\n</think>\n\n{box}"]
    if _goes_into_a_sentence(reference):
        maths = any(mark in reference for mark in "\\^_{")
        found.append(_dressed(("The answer is $", "$.") if maths else SENTENCE, reference))
    return found


def _is_balanced(text: str) -> bool:
    """Whether a box around a text ends where it should."""
    depth = 0
    for token in _BRACES.findall(text):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            return False
    return depth == 0 and not text.endswith("\\") and "\\boxed" not in text and "think>" not in text


_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


def _goes_into_a_sentence(text: str) -> bool:
    """Whether nobody could take its end for the sentence's, or a part of it for a clause."""
    short = len(text) <= 60 and len(text.split()) <= 4 and text.isprintable()
    return short and "$" not in text and not re.search(r"[.!?;:](\s|$)|,\s|\\boxed|\\\\", text)


def _neighbours(reference: str, others: list[str]) -> list[str]:
    """Answers that are certainly another: of a kind of reference that has no such neighbour, none."""
    form = value_form(reference)
    if number := _parts_of_number(form):
        return _other_numbers(*number)
    kind = kind_of(reference)
    if kind == "choice":
        return [chr((ord(form) - ord("A") + 1) % 4 + ord("A"))]
    if kind == "formula":
        return [f"{form}+1"]
    if kind == "words":
        words = _words(form)
        return [other for other in others if kind_of(other) == "words" and not words & _words(value_form(other))][:1]
    return []


def _words(form: str) -> set[str]:
    return set(re.findall(r"\w+", form.casefold()))


def _parts_of_number(form: str) -> tuple[str, str, str, str] | None:
    """Sign, whole part or numerator, decimals or denominator, percent sign."""
    found = _NUMBER.fullmatch(form) if len(form) <= MAX_CHARS else None
    if found is None or _BY_ZERO.match(found[3] or ""):
        return None
    return found[1], found[2], found[3] or "", found[4]


def _other_numbers(sign: str, whole: str, rest: str, percent: str) -> list[str]:
    """One further from zero, and of the other sign."""
    step = int(rest[1:]) if rest.startswith("/") else 1
    # far from zero one more may be the same to the digits given: so another digit in front
    further = str(int(whole) + step) if int(whole) < 10**6 else f"1{whole}"
    turned = "" if sign else "-"
    is_zero = Fraction(f"{whole}{rest}") == 0
    return [f"{sign}{further}{rest}{percent}"] + ([] if is_zero else [f"{turned}{whole}{rest}{percent}"])


def _quoted(text: str, most: int = 80) -> str:
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return f"'{plain}'" + (f"... ({len(text):,} characters)" if len(text) > most else "")
