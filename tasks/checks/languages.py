"""Languages: how an answer is announced in each, and whether its numbers have a decimal comma."""

import re

_OF = r"(?:\s+(?:to|for|of)\s+[^.,;:!?\n]{1,60}?)?"
_IS = (
    r"\s+(?:is|are|was|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|equals?|becomes|comes\s+(?:out\s+)?to)"
    r"\b(?:\s+(?:therefore|thus|then|hence|indeed|simply|just|only|exactly|clearly|actually|now|also|equal\s+to"
    r"|given\s+by|option|choice|the\s+(?:number|value|option|choice|fraction|integer|expression))\b)*"
)
_COLON = r"[\s*_}\"'”]{0,6}[:：=]"
_CHOICE = r"\s+(?=\(?(?-i:[A-J])\)?\s*(?:[.*\n]|$))"

# how an answer is named, and the verbs behind it; a colon is always one
_POINT = (
    (
        r"\b(?:answers?|ans\.?|(?:correct|right|best)\s+(?:option|choice|response)s?|final\s+(?:result|solution|value))"
        r"(?:\(s\))?" + _OF,
        rf"{_IS}|{_CHOICE}|\s+[-–—]\s",
    ),
    (r"(?:答案|解答)", r"\s?(?:应该是|應該是|就是|应为|應為|等于|等於|是|为|為)"),
    (r"(?:故|应|應)?(?:选|選)(?:择|擇)?(?:项)?", r"(?=\s?[A-H](?![A-Za-z]))"),
    (r"(?:答え|答|正解|解)", r"は"),
    (r"(?:정답|답|해답)", r"\s?(?:은|는)"),
    (r"(?:الإجابة|الجواب|الاجابة)(?:\s(?:النهائية|الصحيحة|النهائي|الصحيح))?", r"\s(?:هي|هو)"),
    (r"(?:उत्तर|जवाब)", r"(?!)"),
    (r"উত্তর", r"\s?হল"),
    (r"(?:คำตอบ)(?:สุดท้าย)?", r"\s?(?:คือ|เป็น)"),
    (r"సమాధానం", r"(?!)"),
    (r"\bjibu(?:\s+la\s+mwisho|\s+sahihi)?", r"\s+ni\b"),
    (r"(?:התשובה|תשובה)", r"\s(?:היא|הסופית\sהיא)"),
)
_COMMA = (
    (
        r"\br[ée]ponses?(?:\s+(?:finale|correcte|exacte))?(?:\s+à\s+[^.,;:!?\n]{1,60}?)?",
        r"\s+(?:est|sont|serait|sera)\b(?:\s+(?:donc|alors|de|la))?",
    ),
    (
        r"\brespuestas?(?:\s+(?:final|correcta|exacta))?(?:\s+a\s+[^.,;:!?\n]{1,60}?)?",
        r"\s+(?:es|son|sería|será)\b(?:\s+(?:entonces|igual\s+a|la))?",
    ),
    (r"\b(?:opción|opção|opzione)\s+corr?et\w{1,3}", r"\s+(?:es|è|é)(?!\w)(?:\s+la\b|\s+a\b)?"),
    (
        r"\b(?:antwort(?:en)?|(?:end)?ergebnis)",
        r"\s+(?:ist|lautet|lauten|sind|beträgt|wäre)\b(?:\s+(?:also|daher|somit))?",
    ),
    (r"\brispost[ae](?:\s+(?:finale|corretta|esatta))?", r"\s+(?:è|sono|sarebbe)(?!\w)(?:\s+(?:quindi|dunque))?"),
    (r"\brespostas?(?:\s+(?:final|correta|certa))?", r"\s+(?:é|são|seria|será)(?!\w)(?:\s+(?:portanto|então))?"),
    (r"\bответ(?:ом)?", r"\s*(?:[-–—]\s|равен|будет|является)"),
    (r"\bвідповідь", r"\s*[-–—]\s"),
    (r"\bantwoord", r"\s+(?:is|luidt)\b"),
    (r"\bodpowied[źz](?:\s+to)?", r"\s+(?:to|brzmi|wynosi)\b"),
    (r"\bsvar(?:et)?", r"\s+(?:är|er|blir)\b"),
    (r"\bcevap", r"(?!)"),
    (r"\bđáp\s(?:án|số)(?:\s(?:đúng|cuối\scùng))?", r"\s(?:là)\b"),
    (r"\bjawaban(?:nya)?", r"\s+(?:adalah|ialah)\b"),
    (r"\bodpověď", r"\s+je\b"),
    (r"\brăspuns(?:ul)?", r"\s+(?:este|e)\b"),
    (r"απάντηση", r"\s+είναι(?!\w)"),
    (r"\bvastaus", r"\s+on\b"),
)


def _followed_by(point: str, comma: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{point})|(?P<comma>{comma})", re.IGNORECASE | re.MULTILINE)


def _with_verb(names: tuple[tuple[str, str], ...]) -> str:
    return "|".join(f"{name}(?:{verb})(?:{_COLON})?" for name, verb in names)


def _with_colon(names: tuple[tuple[str, str], ...]) -> str:
    return "|".join(f"{name}{_COLON}" for name, _ in names)


_HEADING = r"^[ \t#*>_]{0,12}(?:\\textbf\{)?(?:the\s)?(?:final\s)?answers?[ \t*_#}]{0,12}$"
PHRASE = _followed_by(_with_verb(_POINT), _with_verb(_COMMA))
"""What follows is the answer; group `comma`: in a language whose numbers have a decimal comma."""
LINE = _followed_by(f"{_with_colon(_POINT)}|{_HEADING}", _with_colon(_COMMA))

_LOCAL_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[ .\u00a0\u202f]\d{3})*(?:,\d+)?(?![\w,]|\.\d)")
_BRACKETED = re.compile(r"[(\[{]")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")


def with_decimal_points(text: str) -> str:
    """`3,5` -> `3.5`, `1.234,5` and `1 234,5` -> `1234.5`, `1.234.567` -> `1234567`.

    `1,234` and `1.234` stay: three digits behind a sign may be thousands. So does what is in brackets, and `1,2,3`.
    """
    if _BRACKETED.search(text):
        return text
    return _LOCAL_NUMBER.sub(lambda number: _plain(number.group()), text)


def _plain(number: str) -> str:
    if _AMBIGUOUS.fullmatch(number):
        return number
    whole, comma, decimals = number.partition(",")
    if " " in whole and not comma:
        return number
    grouped = comma or re.fullmatch(r"\d{1,3}(?:[.\u00a0\u202f]\d{3})+", whole)
    whole = re.sub(r"[ .\u00a0\u202f]", "", whole) if grouped else whole
    return f"{whole}.{decimals}" if comma else whole
