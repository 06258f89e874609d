"""Claims about a recipe's regular expressions."""

import random
import re
import time
import tomllib
from pathlib import Path

import pytest

from schemas.pattern import MAX_CHARS, checked, first_groups, first_span, full_match, last_match

RECIPES = Path(__file__).resolve().parents[2] / "deployments/recipes"


def patterns_in(section):
    """Every key `pattern`, in whatever section a method has it."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from patterns_in(value)
        elif key == "pattern":
            yield value


SHIPPED = sorted({p for path in RECIPES.glob("*.toml") for p in patterns_in(tomllib.loads(path.read_text()))})
COMMON = [
    r"(?i)answer\s*[:=]\s*(.+)", r"(?s)<answer>(.*?)</answer>", r"(\d+)$", r"(?m)^(\d+)$", r"\A\d+\Z", r"[^\W\d_]+",
    r"[\s\S]", r"[\w.-]+", r"\S+", r"a{,2}b", r"[]a]+", r"[[a]+", r"[^]a]+", r"\u0661|\xe9", r"(?#a)b", r"(?u)\w",
    r"\N{DIGIT ONE}", r"[\b\d]", r"\é", r"[\0\d]", r"\$(\d)", r"(?P<n>\d)a", r"\\boxed{(\d)}", r"(y)?", r"(?i:AB)",
    r"[\W]+", r"[\S]+", r"\D", r"a+?", r"\+",
]  # fmt: skip
PIECES = [
    *"#0123 459abAByzé٣²½\n\r\t\x0b\x85\xa0\u2028[](){}.,;:$-+中\0_ª^\\'",
    "\ud800", "algebra", "answer", ": ", "1+2+3+4",
    "<answer>", "</answer>", "\\boxed{", "probability",
]  # fmt: skip


def test_there_are_shipped_patterns():
    assert len(SHIPPED) >= 3


@pytest.mark.parametrize("pattern", SHIPPED + COMMON)
@pytest.mark.filterwarnings("ignore:Possible nested set")
def test_a_pattern_finds_what_pythons_re_finds(pattern):
    draw = random.Random(pattern)
    checked(pattern)
    pieces = [piece for piece in PIECES if piece.isascii()] if r"\b(" in pattern else PIECES
    for _ in range(400):
        text = "".join(draw.choices(pieces, k=draw.randrange(30)))
        found = list(re.finditer(pattern, text))
        expected = found[-1].group(1 if found[-1].re.groups else 0) if found else None
        assert last_match(pattern, text) == expected, text
        assert full_match(pattern, text) == bool(re.fullmatch(pattern, text)), text
        groups = found[0].groups(default="") if found else None
        assert first_groups(pattern, text) == groups, text


def test_groups_are_those_of_the_first_match_and_none_is_looked_for_far_into_a_text():
    assert first_groups(r"(\d)(\w)?", "a 1b 2c") == ("1", "b")
    assert first_groups(r"(\d)(\w)?", "1 2c") == ("1", "")
    assert first_groups(r"(\d)", "x" * MAX_CHARS + "1") is None


def test_a_span_is_of_group_1_in_characters():
    assert first_span(r"<c>(.*)</c>", "é𝟙<c>añ</c>") == (5, 7)
    assert first_span(r"a|(b)", "ab") is first_span("(b)", "a") is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "not a regular expression: missing )"),
        (r"\d+(?= apples)", r"lookahead (?= is refused by RE2"),
        (r"a(?!b)", r"negative lookahead (?! is refused by RE2"),
        (r"(?<=is )\d+", r"lookbehind (?<= is refused by RE2"),
        (r"(?<!a)b", r"negative lookbehind (?<! is refused by RE2"),
        (r"(a)\1", r"backreference \1 is refused by RE2"),
        (r"(?P<n>a)(?P=n)", r"backreference (?P= is refused by RE2"),
        (r"(a)?(?(1)b|c)", r"conditional group (?( is refused by RE2"),
        (r"(?>a+)b", r"atomic group (?> is refused by RE2"),
        (r"a++b", r"possessive repeat ++ is refused by RE2"),
        (r"(?ix) a b", r"verbose flag (?ix) is refused by RE2"),
        (r"(?a)\d", r"ASCII flag (?a) is refused by RE2"),
        (r"a{1001}", r"RE2 cannot match it in linear time: invalid repetition size: {1001}"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_by_name(pattern, message):
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        checked(pattern)
    assert "\n" not in str(refused.value)


def test_an_escaped_or_bracketed_sign_is_no_construct():
    for pattern in (r"\(?=1", r"[(?=]", r"\\1", r"\++", r"[a++]", r"\\(\d)"):
        assert checked(pattern) == pattern


@pytest.mark.parametrize("piece", ["#1 ", "#", "1", "1 ", "1" * 50 + "x", "\0", "\ud800", "٣", "a"])
@pytest.mark.parametrize("pattern", [r"#((?:\d+ ?)+)$", r"(?:(?:\w+)*)*!", r"(a|aa|\w)+!", r"(\d+)(?:.*units)?"])
def test_no_text_holds_a_pattern(pattern, piece):
    text = "#" + piece * (100_000 // len(piece)) + "?"
    began = time.perf_counter()
    last_match(pattern, text)
    full_match(pattern, text)
    assert time.perf_counter() - began < 2.5  # 0.5 s where each of many matches looks ahead to the end; else 10 ms


def test_an_edge_of_a_word_is_one_of_ascii_letters():
    assert last_match(r"\b([A-D])\b", "答案是B。") == "B"


def test_half_a_pair_is_a_character_and_comes_back():
    assert last_match("a(.)b", "a\ud800b") == "\ud800"
    assert last_match("a(.)b", "a\0b") == "\0"
