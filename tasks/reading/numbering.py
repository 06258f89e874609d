r"""Numbering: the numbers that a list's items begin with, in any dress: `10.`, `(10)`, `Problem 10:`, `#10`."""

import re
import unicodedata

LONGEST = 80
"""Characters at the beginning of a line that are looked at."""

LABELS = (
    r"(?:problem|question|exercise|task|item|puzzle|challenge|example|pregunta|problema|ejercicio|exercice|frage|"
    r"aufgabe|domanda|esercizio|questão|вопрос|задача|задание|问题|問題|问|問|题目|題目|题|題|例题|例題|문제|سؤال|مسألة)"
)
_BOLD = r"[*_]{0,3}"
_TEXT = r"(?=\s|$|[^\W\d_]|[$\\\"'“‘¿(\[*_])"  # what may follow at once: 10.5 is a number, 10:30 a time
_DASH = r"[ \t]{1,3}[-–—](?=[ \t]{1,3}[^\W\d])"
_PLAIN = rf"(?P<plain>\d{{1,9}})[ \t]?{_BOLD}(?:\\?[.):](?:\\?\))?{_BOLD}{_TEXT}|[．。、）：](?!\d)|{_DASH})"
_BRACKETED = rf"[(（\[【<](?P<bracketed>\d{{1,9}})[)）\]】>][.:]?{_BOLD}{_TEXT}"
_HEADED = rf"(?:[#＃]{{1,6}}|№|no\.|nr\.)[ \t]?{_BOLD}(?P<headed>\d{{1,9}})(?:\\?[.):：]|{_DASH})?{_BOLD}(?=\s|$)"
_LABELLED = (
    rf"(?:{LABELS}|q|ex|第)\.?[ \t]?(?:#|№|no\.?|nr\.?)?[ \t]?{_BOLD}[(\[]?(?P<labelled>\d{{1,9}})[)\]]?"
    r"[ \t]?[题題问問]?"
    rf"{_BOLD}(?:\\?[.):：．。、，]|{_DASH}|[ \t]*$)"
)
_NUMBER = re.compile(
    rf"[ \t>]{{0,8}}(?:[-*•] )?(?:#{{1,6}}[ \t])?{_BOLD}[ \t]?"
    rf"(?:{_LABELLED}|{_HEADED}|{_BRACKETED}|{_PLAIN}|(?P<one>[①-⑳⑴-⒇⒈-⒛])[.、:]?){_BOLD}",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"[\d①-⑳⑴-⒇⒈-⒛]")


def numbered(line: str) -> tuple[int, str] | None:
    """The number that a line begins with and the text behind it; None for a line that begins with no item's number.

    A heading of nothing but a number (`### 10`) is one; a bullet is none.
    """
    found = _NUMBER.match(line[:LONGEST]) if _DIGIT.search(line, 0, LONGEST) else None
    if not found or (found.end() == LONGEST and len(line) > LONGEST):
        return None
    rest = line[found.end() :]
    if found.group().count("**") % 2:  # the bold that begins before the number ends in the text
        rest = rest.replace("**", "", 1)
    name = str(found.lastgroup)
    return (int(unicodedata.numeric(found["one"])) if name == "one" else int(found[name])), rest
