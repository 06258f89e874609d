"""Languages: how an answer is announced in each, and whether its numbers have a decimal comma."""

import re
from dataclasses import dataclass
from functools import cache

_OF = r"(?:\s+(?:to|for|of)\s+[^.,;:!?\n]{1,60}?)?"
_IS = (
    r"\s+(?:is|are|was|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|equals?|becomes|comes\s+(?:out\s+)?to)"
    r"\b(?:\s+(?:therefore|thus|then|hence|indeed|simply|just|only|exactly|clearly|actually|now|also|equal\s+to"
    r"|given\s+by|option|choice|the\s+(?:number|value|option|choice|fraction|integer|expression))\b)*"
)
_COLON = r"[\s*_}\"'”]{0,6}[:：=]"
_CHOICE = r"\s+(?=\(?(?-i:[A-J])\)?\s*(?:[.*\n]|$))"

_EN = (
    r"\b(?:answers?|ans\.?|(?:correct|right|best)\s+(?:option|choice|response)s?|final\s+(?:result|solution|value))"
    rf"(?:\(s\))?{_OF}"
)
_FR = r"\br[ée]ponses?(?:\s+(?:finale|correcte|exacte))?(?:\s+à\s+[^.,;:!?\n]{1,60}?)?"
_ES = r"\brespuestas?(?:\s+(?:final|correcta|exacta))?(?:\s+a\s+[^.,;:!?\n]{1,60}?)?"
_AR = r"(?:الإجابة|الجواب|الاجابة)(?:\s(?:النهائية|الصحيحة|النهائي|الصحيح))?"
_NEVER = r"(?!)"

# words that must be in the text (lower case, for speed), how an answer is named, the verbs behind it; so is a colon
_POINT = (
    (
        ("answer", "ans:", "ans.", "ans =", "ans=", "option", "choice", "response", "final"),
        _EN,
        rf"{_IS}|{_CHOICE}|\s+[-–—]\s",
    ),
    (("答案", "解答"), r"(?:答案|解答)", r"\s?(?:应该是|應該是|就是|应为|應為|等于|等於|是|为|為)"),
    (("选", "選"), r"(?:故|应|應)?(?:选|選)(?:择|擇)?(?:项)?", r"(?=\s?[A-H](?![A-Za-z]))"),
    (("答", "解"), r"(?:答え|答|正解|解)", r"は"),
    (("답",), r"(?:정답|답|해답)", r"\s?(?:은|는)"),
    (("الإجابة", "الجواب", "الاجابة"), _AR, r"\s(?:هي|هو)"),
    (("उत्तर", "जवाब"), r"(?:उत्तर|जवाब)", _NEVER),
    (("উত্তর",), r"উত্তর", r"\s?হল"),
    (("คำตอบ",), r"(?:คำตอบ)(?:สุดท้าย)?", r"\s?(?:คือ|เป็น)"),
    (("సమాధానం",), r"సమాధానం", _NEVER),
    (("jibu",), r"\bjibu(?:\s+la\s+mwisho|\s+sahihi)?", r"\s+ni\b"),
    (("תשובה",), r"(?:התשובה|תשובה)", r"\s(?:היא|הסופית\sהיא)"),
)
_COMMA = (
    (("réponse", "reponse"), _FR, r"\s+(?:est|sont|serait|sera)\b(?:\s+(?:donc|alors|de|la))?"),
    (("respuesta",), _ES, r"\s+(?:es|son|sería|será)\b(?:\s+(?:entonces|igual\s+a|la))?"),
    (
        ("opción", "opção", "opzione"),
        r"\b(?:opción|opção|opzione)\s+corr?et\w{1,3}",
        r"\s+(?:es|è|é)(?!\w)(?:\s+la\b|\s+a\b)?",
    ),
    (
        ("antwort", "ergebnis"),
        r"\b(?:antwort(?:en)?|(?:end)?ergebnis)",
        r"\s+(?:ist|lautet|lauten|sind|beträgt|wäre)\b(?:\s+(?:also|daher|somit))?",
    ),
    (
        ("rispost",),
        r"\brispost[ae](?:\s+(?:finale|corretta|esatta))?",
        r"\s+(?:è|sono|sarebbe)(?!\w)(?:\s+(?:quindi|dunque))?",
    ),
    (
        ("resposta",),
        r"\brespostas?(?:\s+(?:final|correta|certa))?",
        r"\s+(?:é|são|seria|será)(?!\w)(?:\s+(?:portanto|então))?",
    ),
    (("ответ",), r"\bответ(?:ом)?", r"\s*(?:[-–—]\s|равен|будет|является)"),
    (("відповідь",), r"\bвідповідь", r"\s*[-–—]\s"),
    (("antwoord",), r"\bantwoord", r"\s+(?:is|luidt)\b"),
    (("odpowied",), r"\bodpowied[źz](?:\s+to)?", r"\s+(?:to|brzmi|wynosi)\b"),
    (("svar",), r"\bsvar(?:et)?", r"\s+(?:är|er|blir)\b"),
    (("cevap",), r"\bcevap", _NEVER),
    (("đáp",), r"\bđáp\s(?:án|số)(?:\s(?:đúng|cuối\scùng))?", r"\s(?:là)\b"),
    (("jawaban",), r"\bjawaban(?:nya)?", r"\s+(?:adalah|ialah)\b"),
    (("odpověď",), r"\bodpověď", r"\s+je\b"),
    (("răspuns",), r"\brăspuns(?:ul)?", r"\s+(?:este|e)\b"),
    (("απάντηση",), r"απάντηση", r"\s+είναι(?!\w)"),
    (("vastaus",), r"\bvastaus", r"\s+on\b"),
)
_HEADING = r"^[ \t#*>_]{0,12}(?:\\textbf\{)?(?:the\s)?(?:final\s)?answers?[ \t*_#}]{0,12}$"
_LONGEST_BEFORE = 40
"""No name has more characters before the word of it that must be in the text."""


@dataclass(frozen=True)
class Announcement:
    """Between `start` and `end` an answer is announced, which follows: by a verb ("phrase") or a colon ("line")."""

    start: int
    end: int
    source: str
    decimal_comma: bool
    """Whether it is in a language whose numbers have one."""


def announcements(text: str) -> list[Announcement]:
    """All of a text, language by language."""
    lowered = text.lower()
    found = []
    for words, pattern, decimal_comma in _patterns():
        places = [at for word in words if (at := lowered.find(word)) >= 0]
        if places:
            start = max(0, min(places) - _LONGEST_BEFORE) if len(lowered) == len(text) else 0
            for said in pattern.finditer(text, start):
                source = "phrase" if said["verb"] is not None else "line"
                found.append(Announcement(*said.span(), source, decimal_comma))
    return found


@cache
def _patterns() -> list[tuple[tuple[str, ...], re.Pattern[str], bool]]:
    made: list[tuple[tuple[str, ...], re.Pattern[str], bool]] = []
    for rows, decimal_comma in ((_POINT, False), (_COMMA, True)):
        for words, name, verb in rows:
            either = rf"{name}(?:(?P<verb>(?:{verb})(?:{_COLON})?)|{_COLON})"
            heading = rf"|{_HEADING}" if "answer" in words else ""
            made.append((words, re.compile(either + heading, re.IGNORECASE | re.MULTILINE), decimal_comma))
    return made


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


_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")


def with_points_alone(text: str) -> str:
    """Where numbers have decimal commas for certain: `1.234` -> `1234`, `3,5` -> `3.5`, `1.234,5` -> `1234.5`."""
    whole = _GROUPED.sub(lambda number: number.group().replace(".", ""), text)
    return re.sub(r"(?<=\d),(?=\d)", ".", whole)
