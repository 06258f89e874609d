"""Clauses: where an answer in a sentence ends, and the clause behind it begins."""

import re

from tasks.reading.formulas import Formula, formulas

MOST_WORDS = 8
"""An answer in words has no more; one with digits among its words no more than half as many."""
_DRESS = " \t\n\r:*_`>=：\"'“”«»„"
_BULLET = re.compile(r"\s*\n\s*[-•]\s+")
_AT_THE_END = " \t\n\r*_`\"'“”«»,;:，；、"
_SKIPPED = re.compile(
    r"\*\*|__|`|\\[()\[\]](?!\w)|\\(?:text|math)bf(?=\s?\{)|\\boxed\s?\{\s?\}|</?(?:b|i|u|strong|em|p|code|center)>"
)
_SIGN = r"(?:[-+−±]\s?)?(?:\\?\$\s?)?"
_VALUE = rf"(?:{_SIGN}(?:\d|\.\d|\\[a-zA-Z{{]|[(\[{{√∞π]|\$)|[A-Za-z](?![A-Za-z'’])(?!\s[a-z]{{2,}}))"
_AND = r"(?:and|or|und|oder|et|ou|y|e|o|и|или|och)\s+"
_ITEM = re.compile(rf"\s*(?:{_AND})?{_VALUE}")
_OTHER_CLAUSE = re.compile(
    rf"\s*(?:{_AND})?[\d.,]+(?:\s[a-z]+)?\s+(?:are|is|was|were|remain|of\s+(?:them|which)|left)\b", re.IGNORECASE
)
_WORDS = re.compile(
    r"\s*(?:(?:and|or)\s+)?(?!(?:a|an|the|so|as|but|and|or|if|since|because|which|where|when|who|that|this|it|he|she|we"
    r"|they|there|with|for|not|i|you|thus|hence|therefore|meaning|in|by|after|given|assuming)\b)"
    r"[^\W\d_]+(?:[ -][^\W\d_]+){0,2}\s*(?:[.,;]|and\b|or\b|$)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s+(?:because|since|so|which|who|whose|that|therefore|thus|hence|but|although|though|while|meaning|making|assuming|i\.\s?e\.|namely"
    r"|in\s+(?:total|all)\b|altogether|overall|as\s+(?!many\b|much\b|long\b|large\b|big\b|a\b|is\b)\S"
    r"|for\s+(?:a\s+total|the|all|this|our|both)|when\s+(?:we|rounded|you|the|she|he|it)|if\s+(?:we|she|he|you|they|it|the)"
    r"|after\s+(?:the|all|she|he|rounding)"
    r"|puisque|car|parce|donc|porque|ya\s+que|pues|weil|da|denn|perché|poiché|pois|потому|так\s+как)(?!\w)"
    r"|\s+[-–—]\s+(?=[^\W\d_]{2,})|[–—](?=\s?[^\W\d_]{2,})|\s*(?:=>|->|→|⇒|\\implies|\\Rightarrow)"
    r"|\s+\((?=(?:since|because|as|where|which|i\.?e|the|that|we|rounded|approx|about|or|not|and|in\s+total|≈|\\approx)\b"
    r"|≈|\\approx)|</|<[a-z][\w-]{1,20}>|\\(?:newline|par)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.](?=[\"'”»*_)\]}$`]*(?:\s|$))|[?](?=\W|$)|!(?=[\"'”»*_]*(?:\s|$))|[。！？；\n]")
_ABBREVIATED = re.compile(r"(?:\b[ap]\.m|\b(?:Mr|Mrs|Ms|Dr|St|No|vs|approx|ca|e\.g|i\.e|sq|cu)|\b[A-Z]\.[A-Z])$")
_NOT_AN_ANSWER = re.compile(
    r"(?:not|no\s+longer|wrong|incorrect|correct|right|consistent|reasonable|verified|valid|confirmed|as\s+follows|below"
    r"|above|found|obtained|clear|given|based|expressed|written|in\s+the|the\s+same|shown|needed|required|supposed|what"
    r"|to\s+be|unknown\s+because|derived|calculated|determined|likely|probably|also|already|simply|here|as)\b",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:that|therefore|thus|so|then|hence|indeed|simply|just|only|exactly|clearly|actually|now|equal\s+to|given\s+by"
    r"|(?:(?:la|a|die|das)\s+)?(?:opción|opção|opzione|letra|lettera|lettre|zahl)|(?:la|a|die)(?=\s[A-H]$)"
    r"|(?:the\s+)?(?:number|value|option|choice|fraction|integer|expression)(?:\s+(?:is|of))?)\s+(?=\S)",
    re.IGNORECASE,
)
_STARTS_WITH_A_VALUE = re.compile(rf"{_VALUE}|[<>≤≥≈~%#|½⅓⅔¼¾²³£€¥₹٠-٩०-९০-৯０-９]|-")
_COPULA = re.compile(rf"\s(?:is|are|was|were|be|equals?|=|has|have|gives?|get)\s+(?={_VALUE})")
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}")
_ENDINGS = re.compile(
    r"(?:です|である|だ|となります|になります|となる|になる|입니다|이다|이에요|예요|임|'[a-zçğıöşü]{1,5})\s*$"
)


def stated(behind: str) -> str | None:
    """The answer that a text begins with; None if it begins with prose, or with none."""
    bullet = _BULLET.match(behind)
    behind = behind[bullet.end() :] if bullet else behind.lstrip(_DRESS)
    spans = {formula.start: formula for formula in formulas(behind)}
    first = spans.get(0)
    if first and first.display:
        return first.text or None
    return _answer(_before_the_clause(behind, spans))


def _before_the_clause(text: str, spans: dict[int, Formula]) -> str:
    made: list[str] = []
    at = depth = 0
    while at < len(text):
        sign = text[at]
        if formula := spans.get(at):
            made.append(formula.text)
            at = formula.end
            continue
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
            continue
        if sign == "\\":
            if depth == 0 and _CLAUSE.match(text, at):
                break
            made.append(text[at : at + 2])
            at += 2
            continue
        if sign in ")]}" and depth == 0 and "".join(made).count("(") + "".join(made).count("[") == 0:
            break  # the bracket that the sentence stands in
        depth += (sign in "([{") - (sign in ")]}" and depth > 0)
        if (depth == 0 or (depth == 1 and sign in "([{")) and _ends(text, at, "".join(made[-40:])):
            break
        if sign == "\n":
            break
        made.append(sign)
        at += 1
    return "".join(made)


def _ends(text: str, at: int, before: str) -> bool:
    """Whether the answer, whose last characters are `before`, ends here."""
    if _SENTENCE.match(text, at):
        return not (text[at] == "." and _ABBREVIATED.search(before))
    if not before.strip():
        return False
    if _CLAUSE.match(text, at):
        return True
    if text[at] in ",;，、;":
        if text[at] == "," and text[at + 1 : at + 2].isdigit() and before[-1:].isdigit():
            return False
        return not _goes_on(text, at + 1, before)
    if found := _LIST_WORD.match(text, at):
        return not _goes_on(text, found.end(), before)
    return False


_LIST_WORD = re.compile(rf"\s+{_AND}(?=\S)", re.IGNORECASE)


def _goes_on(text: str, at: int, before: str) -> bool:
    """Whether a list goes on behind its comma or "and": with a value, or, in a list of words, with words."""
    if _ITEM.match(text, at):
        return not _OTHER_CLAUSE.match(text, at)
    return not re.search(r"[\d\\]", before) and _WORDS.match(text, at) is not None


def _answer(said: str) -> str | None:
    said = _ENDINGS.sub("", said.strip(_AT_THE_END)).strip(_AT_THE_END)
    said = said.rstrip(".").strip(_AT_THE_END)
    while filler := _FILLER.match(said):
        said = said[filler.end() :]
    if not said or _NOT_AN_ANSWER.match(said):
        return None
    if _STARTS_WITH_A_VALUE.match(said):
        return said
    if copula := _COPULA.search(said):
        return said[copula.end() :].strip()
    words = len(_WORD.findall(said))
    return said if words <= (MOST_WORDS // 2 if re.search(r"\d", said) else MOST_WORDS) else None
