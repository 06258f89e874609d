"""LaTeX levelled: of the many spellings of one formula, one; and what stands around an answer taken off."""

import re


def plain_latex(text: str) -> str:
    """Level commands, spaces, fractions, roots and matrices; text in `\\text{}` becomes words. Linear in time."""
    for pattern, new in _REPLACEMENTS:
        text = pattern.sub(new, text)
    return text


_MACRO = r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|operatorname)\s?\{"
_TEXT = _MACRO + r"([^{}]*)\}"
_REPLACEMENTS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"(?<=\d), (?=\d{3}(?!\d))", ",\0"),  # 1, 234 are two numbers, but 1,\,234 is one
        (r"\\\$|\$|\\!|\\(?:display|text)style(?![a-zA-Z])|\\(?:left|right)\.|(?<!\\)\\[()\[\]]", ""),
        (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", ""),
        (r"(?<!\\)\\[,;: ]|~|\\q?quad(?![a-zA-Z])", " "),
        (r"(?<=\d)\{,\}(?=\d)", ","),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(le|ge|ne)q(?![a-zA-Z])", r"\\\1"),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (r"\\(begin|end)\{(?:[bB]|small)?matrix\}", r"\\\1{pmatrix}"),
        (r"\\(begin|end)\{array\}(?:\{[clr|\s]*\})?", r"\\\1{pmatrix}"),
        (r"[(\[]\s?(\\begin\{pmatrix\})", r"\1"),
        (r"(\\end\{pmatrix\})\s?[)\]]", r"\1"),
        (r"\\%", "%"),
        (r"(?<=\d)['’_](?=\d{3}(?!\d))", ","),
        (r"\\varnothing(?![a-zA-Z])", r"\\emptyset"),
        (r"(?<![a-zA-Z\\])(sin|cos|tan|log|ln|pi|sqrt)(?![a-zA-Z])", r"\\\1"),
        (r"(?<![a-zA-Z\\])infinity(?![a-zA-Z])", r"\\infty"),
        (r"\\sqrt\s?\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"(?<=[\w)])\*\*(?=[\w(])", "^"),
        (r"(?<![a-zA-Z\\])oo(?![a-zA-Z])", r"\\infty"),
        (r"\s?\^\s?\{?\s?\\circ\s?\}?\s?\.?$", ""),
        (r"(?<=[\d})])\s?\\degree[s]?\s?$", ""),
        (_TEXT, r" \1 "),
        (_TEXT, r" \1 "),
        (r"\\frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s?(\d)\s?\{", r"\\frac{\1}{"),
        (r"\\frac\s?(\{[^{}]*\})\s?(\d)", r"\\frac\1{\2}"),
        (r"\\frac\{(\d*)\s?i\}\{(\d+)\}", r"\\frac{\1}{\2}i"),
        (r"\\frac\{\}", r"\\frac{1}"),
        (r"\\sqrt\s?(\d)", r"\\sqrt{\1}"),
        (r"(?<=[\d})])\s?(?:\\cdot|\\times|\*)\s?(?=[a-zA-Z(]|\\(?:sqrt|pi)(?![a-zA-Z]))", ""),
        (r"([\^_])\s?([\da-zA-Z])", r"\1{\2}"),
        (r"\s+", " "),
        (r",? or ", r"\\lor "),
        (r",? and ", ","),
        # spaces go, but where they part two numbers, two words, or a command from a letter
        (r"(?<=\d) (?=\d)", "\0"),
        (r"(?<=[a-zA-Z]{2}) (?=[a-zA-Z]{2})", "\0"),
        (r"(\\[a-zA-Z]+) (?=[a-zA-Z])", "\\1\0"),
        (" ", ""),
        ("\0", " "),
    )
)  # fmt: skip


_APART = {"{": "[{},]"}
_WRAPPERS = (("\\boxed{", "}"), ("**", "**"), ("$", "$"), ("\\(", "\\)"), ("{", "}"))


def bare(text: str) -> str:
    """Take off wrappers around the whole, closing punctuation and a leading plus, while there are any."""
    while True:
        inner = text.strip().removeprefix("+")
        if not inner.endswith(".."):  # 0.333... goes on
            inner = inner.rstrip(".,;:")
        for opening, closing in _WRAPPERS:
            if len(inner) >= len(opening) + len(closing) and inner.startswith(opening) and inner.endswith(closing):
                inside = inner[len(opening) : -len(closing)]
                # {1,2} is a set, {a}{b} two groups, $a$, $b$ two formulas
                if inside.startswith("\\boxed{") or not re.search(_APART.get(opening, re.escape(opening)), inside):
                    inner = inside
        if inner == text:
            return inner
        text = inner


_NUMERIC = re.compile(r"(?:[\d\s.,+*/()$-]|\\(?:[dt]?frac|times|cdot|div|!|%|\$)|[{}])*")
_WORKING = re.compile(r"[\d)}]\s*(?:[+*/-]|\\(?:times|cdot|div))\s*[\d({$\\]")


def last_of_chain(text: str) -> str:
    """`3+12=15`: a chain of sums on plain numbers states its last term. One with a letter in it, like x=5, stays."""
    before, mark, last = text.rpartition("=")
    if not mark or not last.strip() or ", " in before or not _WORKING.search(before):
        return text
    return last.strip() if all(_NUMERIC.fullmatch(part) for part in before.split("=")) else text
