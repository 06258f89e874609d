r"""Final answers: the normal form that votes are counted by.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
Numbers are handled as strings, but for the reduction of fractions, whose length is bounded.
"""

from functools import lru_cache

from tasks.checks.characters import plain_characters, plain_digits_and_signs
from tasks.checks.forms import normal_form, with_plain_scale
from tasks.checks.latex import bare
from tasks.checks.reading import Answer
from tasks.checks.units import Unit, split_unit

MAX_CANONICAL_CHARS = 4_000
"""Longer answers keep their spelling: normalising them would cost time and huge integers."""
MAX_MEMORISED_CHARS = 200
MAX_PASSES = 6


def usable_answer(answer: Answer, finish_reason: str) -> str | None:
    """The answer as it votes; None for a truncated or unparsable attempt, which never does."""
    return answer.text if finish_reason == "stop" and answer.text and canonical(answer) else None


def canonical(answer: Answer | str) -> str:
    r"""Return the normal form of an answer: two answers with the same form have the same value.

    Digits, signs and widths of other scripts, LaTeX spellings, thousands separators and spaces are levelled; `2.50`
    is `2.5`, `\frac{2}{4}` is `1/2`, `(a)` is `A`, `50\%` is `50%`, `2 < x \le 5` is `(2,5]`; sets and lists of
    solutions are sorted; parts of tuples, sets and matrices have normal forms themselves. A unit has one name (`5 cm`
    is `5 centimeter`); money signs, degrees and counted nouns (`18 books`) go. The case of letters is kept. Empty if
    nothing usable is left. Different forms may still be equal: that is for `equivalent` to say. Never raises; time
    grows linearly with the length.
    """
    text = answer.text if isinstance(answer, Answer) else answer
    if text is None:
        return ""
    return _short_form(text) if len(text) <= MAX_MEMORISED_CHARS else _form(text)


def measured(answer: str) -> tuple[str, Unit | None]:
    """The form of an answer's bare value, and the unit it states, dollars and degrees too (None: none is known)."""
    return _measured(answer) if len(answer) <= MAX_MEMORISED_CHARS else (canonical(answer), None)


@lru_cache(maxsize=1 << 16)
def _measured(answer: str) -> tuple[str, Unit | None]:
    form = canonical(answer)
    value, unit = split_unit(form)
    if unit and unit.name:
        return value, unit
    return form, split_unit(with_plain_scale(bare(plain_characters(answer))))[1]  # what a form leaves out


@lru_cache(maxsize=1 << 16)
def _short_form(text: str) -> str:
    return _form(text)


def _form(text: str) -> str:
    plain = plain_digits_and_signs(text)
    if len(plain) > MAX_CANONICAL_CHARS:
        return plain
    form = normal_form(text if len(text) <= MAX_CANONICAL_CHARS else plain)
    for _ in range(MAX_PASSES):  # what one pass uncovers, such as a letter and its accent, the next one mends
        before, form = form, normal_form(form)
        if form == before:
            break
    return form
