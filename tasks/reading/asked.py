r"""What is asked: a proposal up to where its answer, its solution or the next task begins.

What is cut is no part of the question; what remains is labelled by the vote as it stands. So a cut too many costs a
question, and a cut too few teaches an answer that stood in its own question.
"""

import re
from itertools import islice

from tasks.reading.blocks import blocks, choice_lines, inside
from tasks.reading.numbering import LABELS

LONGEST = 20_000
"""Characters in which the end of a question is looked for; a longer one stays whole, and too long."""

_ANSWERS = (
    r"(?:(?:final|correct|right|short|full|step[- ]by[- ]step|worked|detailed|complete|possible|sample|expected"
    r"|model)[ \t-]){0,2}"
    r"(?:solutions?|answers?|explanations?|reasoning|rationale|working|ans|sol|answer key|derivation|justification|"
    r"respuestas?|soluci[oó]n(?:es)?|explicaci[oó]n|réponses?|corrigé|explication|lösung(?:en)?|antwort(?:en)?"
    r"|erklärung|"
    r"lösungsweg|risposta|soluzione|spiegazione|resposta|solução|resolução|explicação|ответ|решение|объяснение"
    r"|odpowiedź|"
    r"rozwiązanie|antwoord|oplossing|svar|cevap|çözüm|jawaban|pembahasan|đáp án|lời giải|trả lời|उत्तर|हल|الجواب"
    r"|الإجابة|الحل)"
)
_CJK = r"(?:参考答案|答案|解答|解析|分析|详解|詳解|解法|答え|回答|解説|説明|정답|풀이|해설|답|解|答)"
_LEAD = r"[ \t>]{0,8}(?:[-•] )?#{0,6}[ \t]?[*_(\[【<]{0,4}"
_TAIL = (
    r"(?:[ \t]?(?:#?\d{1,4}|\([^()\n]{0,20}\)|to (?:problem|question|exercise) \d{1,4}))?[*_)\]】>]{0,4}[ \t]{0,3}"
)
_TASKS = (
    r"(?:problem|question|exercise|pregunta|problema|ejercicio|exercice|frage|aufgabe|вопрос|задача|"
    r"问题|問題|题目|題目)"
)
_ASKS = re.compile(
    r"[?？؟]|(?:^|[.!:;,。，；：][ \t\n]+|\b(?:then|and|please|to)[ \t])[*_]{0,3}(?:find|determine|compute|calculate"
    r"|evaluate|solve|simplify|"
    r"prove|show|express|factor|expand|convert|estimate|list|name|give|write|state|what|how|which|who|when|where"
    r"|why|count|"
    r"encuentra|halla|calcula|determina|resuelve|calcule[rz]?|trouve[rz]?|détermine[rz]?|résou|berechne|bestimme"
    r"|finde|löse|"
    r"trova|risolvi|найдите|вычислите|решите|определите)|[求计計证証解]|多少|几[个個]",
    re.IGNORECASE | re.MULTILINE,
)

# where an answer begins, whatever stands before it
_AT_LINE = re.compile(
    rf"^{_LEAD}(?:(?i:{_ANSWERS}){_TAIL}[:：=](?!=)|(?![a-z])(?i:{_ANSWERS}){_TAIL}(?:$|\.(?=\s)|[-–—] )"
    rf"|{_CJK}{_TAIL}[:：]|(?<=[【\[]){_CJK}[】\]]|{_CJK}[*]{{0,2}}[ \t]*$|(?i:hints?)[*_]{{0,3}}[ \t]?[:：]"
    rf"|A[*_]{{0,3}}[:：]"
    r"|(?:-{1,2}|=)>[ \t]*(?=[-$\d])|####(?!#)[ \t]*(?![A-Za-z]{2}))",
    re.MULTILINE,
)
_IN_LINE = re.compile(
    rf"(?<=[.?!:)\]}}$*\"？。！）])[ \t]*[*_(\[（【]{{0,4}}(?:(?i:{_ANSWERS})[*_]{{0,3}}[ \t]?[:：]|{_CJK}(?:[】\]]"
    rf"|[】\]]?[:：])|A:(?=[ \t])"
    r"|(?:[-=]>|→|⇒)[ \t]*(?=[-$\d])|####(?=[ \t]*[-$\d]))"
    r"|(?<=[\s(\[*])[*_(\[]{0,4}(?:(?:Final |Correct |Short )?(?:Answer|ANSWER|Solution|SOLUTION|Ans|ANS"
    r"|Explanation)s?)"
    r"[*_]{0,3}[ \t]?[:：]"
)

# where one begins if something was asked before, and nothing is asked after it
_BEGUN = r"(?:^[ \t]*|(?<=[.?!:)*$？。！）])\s{0,4})[*_]{0,3}"
_WORKED = re.compile(
    rf"{_BEGUN}(?:(?:(?:so|thus|therefore|hence|then|and),? )?(?:the|our|its) (?:final |correct |right )?"
    r"(?:answer|solution|option|choice) (?:is|would be)\b|let(?:'s|’s| us) (?:solve|think|work|break|calculate"
    r"|compute|start|begin|"
    r"find|go|see|first)\b|to (?:solve|answer|find|calculate|determine|compute|work) (?:this|the|it|for|out|how)\b"
    r"|step (?:1|one)\b"
    r"|la (?:respuesta|réponse|risposta|resposta) (?:es|est|è|é)\b|die (?:antwort|lösung) (?:ist|lautet)\b"
    r"|答案是|答えは)",
    re.IGNORECASE | re.MULTILINE,
)
_SAID = re.compile(
    r"(?<=[?？])[*_)\"]{0,3}\s{1,4}[*_]{0,3}(?:(?:yes|no|true|false|correct|sí|oui|non|ja|nein|да|нет|是的?|不是"
    r"|对)(?:[,.!;:，。]|\s+because\b)"
    r"|(?:so|thus|therefore|hence|since|because|first(?:ly)?),? |we (?:can|need to|first|start|begin|know|have"
    r"|get)\b|(?:using|by) the\b"
    r"|所以|因此|因为)",
    re.IGNORECASE,
)
_BOX = re.compile(r"(?:^|(?<=[?？.]))[ \t*]{0,4}(?:\\\[|\\\(|\$\$?)?\s{0,2}\\boxed\s?\{", re.MULTILINE)
_NEXT = re.compile(
    rf"^{_LEAD}(?i:(?:next|another|new|second|third|additional|extra|bonus|follow-up|similar"
    rf"|related)[ \t](?:math[ \t])?"
    rf"(?:{LABELS}s?|one)\b[^\n:：]{{0,30}}(?:[:：]|$)|(?:{_TASKS}|q)[ \t]?#?\d{{1,4}}[*_]{{0,3}}[ \t]?(?:[:：.)]|$)"
    rf"|(?:{_TASKS}|q)[*_]{{0,3}}[ \t]?[:：]|here(?:'s|’s| is| are)\s(?:another|one more|a new|the next)\b)"
    rf"|^[ \t]*下一[题題道个個]"
    r"|^[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$",
    re.MULTILINE,
)
_REMARK = re.compile(
    rf"{_BEGUN}(?:let me know|i hope|hope this|feel free|would you like|do you want me|this (?:question|problem"
    rf"|exercise) "
    r"(?:tests|requires|is designed|involves|is about|assesses|can be|will)|please let me|good luck|if you(?:'d|’d"
    r"| would) like (?:me|more))\b",
    re.IGNORECASE | re.MULTILINE,
)


def question_alone(text: str) -> str:
    """The one question that a proposal begins with, without what follows it: an answer, a solution, a remark, a task.

    Marks within code and displayed mathematics are none; neither are "Answer: yes or no?" and a list of choices.
    """
    whole, text = text, text[:LONGEST]
    protected = blocks(text)
    asked = found.end() if (found := _ASKS.search(text)) else len(text)
    last_asked = max(text.rfind(mark) for mark in "?？؟")
    ends = [len(text)]
    for pattern, is_end in (
        (_AT_LINE, lambda mark: not _belongs(text, mark)),
        (_IN_LINE, lambda mark: not _belongs(text, mark)),
        (_WORKED, lambda mark: asked <= mark.start() and last_asked < mark.end()),
        (_SAID, lambda mark: last_asked < mark.end()),
        (_BOX, lambda mark: asked <= mark.start() and not _is_blank_box(text, mark.end())),
        (_NEXT, lambda mark: asked <= mark.start()),
        (_REMARK, lambda mark: asked <= mark.start()),
    ):
        marks = (mark for mark in pattern.finditer(text) if not inside(protected, mark.start(), strictly=True))
        ends += [mark.start() for mark in islice(filter(is_end, marks), 1)]
    alone = _first_task(text[: min(ends)], asked)
    return (whole if len(alone) == LONGEST else alone).strip()


def opens_answer(line: str) -> bool:
    """Whether an answer or a solution begins with this line."""
    return bool(_AT_LINE.match(line) or _WORKED.match(line))


_OF_THE_QUESTION = re.compile(
    r"\s*[(*_]{0,3}(?:yes|no|true|false)\b[^\n]{0,12}?(?:\bor\b|/)|[^\n\d]{1,60}\bor\b[^\n\d]{1,60}\?\s*$",
    re.IGNORECASE,
)
_SECOND_CHOICE = re.compile(r"[\s(]B[*_]{0,3}[:：]")


def _belongs(text: str, mark: re.Match[str]) -> bool:
    """Whether what looks like an answer is part of the question: "Answer: yes or no?", and the first of choices."""
    if mark.group().rstrip(":：*_ \t").endswith("A"):
        return bool(_SECOND_CHOICE.search(text, mark.end(), mark.end() + 500))
    return bool(_OF_THE_QUESTION.match(text[mark.end() : mark.end() + 130]))


def _is_blank_box(text: str, place: int) -> bool:
    return bool(
        re.match(
            r"[\s_?~.\\]{0,20}(?:\\phantom|\\quad|\\qquad|\\hspace|\\square|\\text\s?\{\s*\}|\})",
            text[place : place + 40],
        )
    )


_NUMBER = r"[-−+]?[$€£]?\d{1,20}(?:[,.]\d{1,20}){0,6}(?:/\d{1,9})?%?(?: ?[A-Za-z°²³]{1,12})?"
_BARE = re.compile(
    rf"[(\[*_$=≈→\s]{{0,6}}(?:{_NUMBER}|(?:yes|no|true|false|[A-E]))[)\]*_$.!\s]{{0,6}}", re.IGNORECASE
)
_ONWARDS = re.compile(
    r"[\[|(<$\\\d+\-*•>\"“‘_!]|(?:where|with|if|for|and|or|but|assume|suppose|note|recall|remember|ignore|please"
    r"|use|take|you|your|"
    r"do|explain|justify|show|choose|select|pick|options?|choices?|mark|check|answer|answers|figure|table|data"
    r"|given|input|output|"
    r"example|constraints?|the (?:following|table|figure|graph|answer|numbers|data))\b"
    r"|(?:express|give|write|enter|state|provide|submit|report|leave|round|record|simplify"
    r"|put)\b[^.\n]{0,40}\b(?:answers?|results?|"
    r"solutions?|it|them|nearest|form|fractions?|decimals?|places?|terms of|percent(?:age)?|letter|units?|inside"
    r"|within)\b"
    r"|(?:其中|请|請|结果|結果|答案|保留|注|若|如果|设|設|A[.、．])",
    re.IGNORECASE,
)
_ENUMERATED = re.compile(r"[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]")
_REFERS = re.compile(
    r"\b(?:following|below|these|which of|statements?|options|list|table)\b|以下|下列", re.IGNORECASE
)


def _first_task(text: str, asked: int) -> str:
    """Up to a paragraph that does not go on with the question, or to a line behind a question that is another one, or
    nothing but an answer."""
    protected, lines = blocks(text), text.split("\n")
    choices, refers = choice_lines(lines), _REFERS.search(text)
    place, last, after_blank = 0, "", False
    for number, line in enumerate(lines):
        bare = line.strip().rstrip("*_)\"'”’ ")
        if inside(protected, place) or number in choices:
            last, after_blank = "", False
        elif bare:
            is_question = last.endswith(("?", "？", "؟"))
            is_open = asked > place or last.endswith((":", "：", ",", ";")) or not last
            if after_blank and not is_open and not _goes_on(line, bool(refers), is_question):
                return text[:place]
            if is_question and (_is_answer(line, refers) or (bare.endswith(("?", "？", "؟")) and _begins_anew(line))):
                return text[:place]
            last, after_blank = bare, False
        else:
            after_blank = True
        place += len(line) + 1
    tail = re.search(r"[?？][\"')\]*_]{0,4}[ \t]+([^?？\n]{1,60})$", text.rstrip()[-80:])
    if tail and _BARE.fullmatch(tail[1]):
        return text.rstrip()[: -len(tail[1])]
    return text


def _goes_on(line: str, refers: bool, is_question: bool) -> bool:
    """Whether a paragraph goes on with the question before it."""
    if _ENUMERATED.match(line):
        return refers
    if is_question and _is_answer(line, refers):
        return False
    return line.strip()[:1].islower() or bool(_ONWARDS.match(line.strip()))


def _is_answer(line: str, refers: object) -> bool:
    return not refers and bool(_BARE.fullmatch(line.strip()[:80])) and len(line.strip()) <= 80


def _begins_anew(line: str) -> bool:
    return line.strip()[:1].isupper() or not line.strip()[:1].isascii()
