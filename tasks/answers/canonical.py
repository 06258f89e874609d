r"""Final answers: the normal form that votes are counted by.

The text is a model's and may be hostile: nothing here raises, and the work on one answer is bounded.
"""

from dataclasses import replace
from functools import lru_cache

from schemas.settings import Answers
from tasks.answers.characters import plain_characters, plain_digits_and_signs
from tasks.answers.cursor import MEMORISED
from tasks.answers.forms import read
from tasks.answers.known import MAX_CHECKED_CHARS, compared
from tasks.answers.outcomes import Outcome
from tasks.answers.written import written
from tasks.reading.arithmetic import read_arithmetic
from tasks.reading.attempts import Answer, final_answer
from tasks.reading.languages import with_points_alone

MAX_CANONICAL_CHARS = MAX_CHECKED_CHARS
"""Longer answers keep their spelling: normalising them would cost time and huge integers."""
MAX_PASSES = 4


def answer_of(text: str, checks: Answers) -> Answer:
    """The final answer of an attempt, by the recipe's pattern and decimal sign."""
    found = final_answer(text, checks.pattern)
    return found if found.text is None else replace(found, text=stated(found.text, checks))


def stated(answer: str, checks: Answers) -> str:
    """An answer or a reference as a file or an attempt has it, with a decimal point."""
    return with_points_alone(answer) if checks.decimal_comma else answer


def usable_answer(answer: Answer, finish_reason: str, checks: Answers) -> str | None:
    """The form in which an answer votes; None for a truncated or unparsable attempt, which never does."""
    if checks.equivalence == "countdown":
        form = answer.text if answer.text and read_arithmetic(answer.text) else ""
    elif checks.equivalence == "integral":
        form = answer.text or ""  # its letters and constants as they stand
    else:
        form = value_form(answer.text) if checks.equivalence == "canonical" else canonical(answer.text)
    return form if finish_reason == "stop" and form else None


def canonical(text: str | None) -> str:
    r"""The normal form of an answer: two answers with the same form are the same answer.

    Spellings of one thing become one: `2.50` is `2.5`, `\frac{2}{4}` is `1/2`, `(a)` is `A`, `50\%` is `50%`,
    `x \in (2, 5]` is `x\in(2,5]`, `fifteen hundred` is `1500`; sets and lists of solutions are sorted. A unit has one
    name (`5 cm` is `5 centimeter`), and a counted noun stays (`18 books`). Empty if nothing usable is left. Different
    forms may still be equal: that is for `equivalent` to say. A form is its own form.
    """
    if not text:
        return ""
    try:
        return _short_form(text) if len(text) <= MEMORISED else _form(text)
    except Exception:  # a reader's fault is no end of a night: the answer keeps its spelling
        return plain_digits_and_signs(text)


def value_form(text: str | None) -> str:
    """The normal form without what only says what was asked for: a currency, a degree sign, a counted noun, a name in
    front of a value. What `equivalence = "canonical"` counts by."""
    form = canonical(text)
    for _ in range(MAX_PASSES):
        before, form = form, canonical(_value(form))
        if form == before:
            break
    return form


def _value(form: str) -> str:
    node = read(form) if len(form) <= MAX_CANONICAL_CHARS else ("raw", form)
    if node[0] == "amount" and (isinstance(node[2], str) or node[2].name in ("dollar", "degree")):
        return written(node[1])
    if node[0] == "reals":
        return written(("reals", "", node[2]))
    return form.lower() if node[0] == "words" and form[1:] == form[1:].lower() else form


@lru_cache(maxsize=1 << 16)
def _short_form(text: str) -> str:
    return _form(text)


def _form(text: str) -> str:
    plain = plain_digits_and_signs(text)
    if len(plain) > MAX_CANONICAL_CHARS:
        return plain
    if len(text) > MAX_CANONICAL_CHARS:
        text = plain
    node = read(text)
    form = written(node)
    if len(form) <= MAX_CANONICAL_CHARS:
        again = read(form)
        if written(again) == form and compared(node, again) is Outcome.EQUAL:
            return form
    settled = _settled(text)  # what cannot be written so that it reads the same keeps its spelling
    return settled if len(settled) <= MAX_CANONICAL_CHARS else plain


def _settled(plain: str) -> str:
    for _ in range(MAX_PASSES):
        before, plain = plain, plain_characters(plain)
        if plain == before:
            break
    return plain if read(plain) != ("words", "") else ""
