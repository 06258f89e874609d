"""Claims about what answers say of each other without a checker."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tasks.answers.asking import asked_of
from tasks.answers.canonical import _short_form, canonical
from tasks.answers.forms import _read_short
from tasks.answers.known import _compared_small, outcome_of
from tasks.answers.outcomes import Outcome
from tasks.answers.units import unit_of
from tasks.answers.values import _same_small, _size_of_small

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED
FILES = {
    path.stem: path for folder in ("pairs", "parity") for path in (Path(__file__).parent / folder).glob("*.jsonl")
}


@pytest.mark.parametrize("name", sorted(set(FILES) - {"attacked"}))
def test_a_file_of_pairs_is_told_as_a_careful_person_would(name: str) -> None:
    counts: Counter[str] = Counter()
    for line in FILES[name].read_text().splitlines():
        pair = json.loads(line)
        found = outcome_of(pair["first"], pair["second"])
        counts["pairs"] += 1
        counts["right"] += found == pair["outcome"]
        counts["wrongly equal"] += found is EQUAL and pair["outcome"] == "different"
        counts["undecided"] += found is UNDECIDED
        counts["for a checker"] += found is None
    assert counts["wrongly equal"] == 0, "a poisoned label costs more than every missed spelling"
    assert counts["right"] >= 0.98 * counts["pairs"]
    assert counts["undecided"] + counts["for a checker"] <= 0.01 * counts["pairs"]


def test_what_an_attack_called_equal_is_equal_no_more() -> None:
    pairs = [json.loads(line) for line in FILES["attacked"].read_text().splitlines()]
    assert [pair for pair in pairs if outcome_of(pair["first"], pair["second"]) is EQUAL] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_order_of_two_answers_does_not_matter(name: str) -> None:
    for line in FILES[name].read_text().splitlines():
        pair = json.loads(line)
        assert outcome_of(pair["first"], pair["second"]) is outcome_of(pair["second"], pair["first"])


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        # what a checker would call equal, and a person would not
        ("2g", "2", DIFFERENT),
        ("3 + 2t", "5t", DIFFERENT),
        ("F = Gm", "F = gM", DIFFERENT),
        ("10^{-40}", "10^{-41}", DIFFERENT),
        ("0.000000123", "0.000000124", DIFFERENT),
        ("3 \\pmod 5", "3 \\pmod 7", DIFFERENT),
        ("8 \\pmod 5", "3 \\pmod 5", EQUAL),
        ("1/2x", "\\frac{1}{2x}", DIFFERENT),
        ("(3, 4)", "\\{3, 4\\}", DIFFERENT),
        ("x", "|x|", DIFFERENT),
        ("\\sqrt{x^2}", "x", DIFFERENT),
        ("2^{100}+1", "2^{100}", DIFFERENT),
        ("\\cos(10^{-30})", "1", DIFFERENT),
        ("3, 3, 4", "3, 4", DIFFERENT),
        ("moments", "mom", DIFFERENT),
        ("123456789.123456789", "123456789.1234567891", DIFFERENT),
        ("10000000000000001.0", "10000000000000000", DIFFERENT),
        ("1e-3", "0.001", EQUAL),
        # one value
        ("\\ln(x^2)", "2\\ln x", EQUAL),
        ("\\sqrt{x^3}", "x\\sqrt{x}", EQUAL),
        ("e^{i\\pi}", "-1", EQUAL),
        ("\\arcsin x", "\\frac{\\pi}{2}-\\arccos x", EQUAL),
        ("\\frac{1}{1+i}", "\\frac{1-i}{2}", EQUAL),
        # a noun only says what was counted; two of them may be one thing or not
        ("18 books", "18", EQUAL),
        ("18 books", "18 pencils", UNDECIDED),
        ("18 books", "17 pencils", DIFFERENT),
        # nothing is divided by zero, and it is still an answer
        ("1/0", "3", DIFFERENT),
        ("1/0", "1/0", EQUAL),
        ("(4/0, 1)", "(4, 1)", DIFFERENT),
        ("", "", DIFFERENT),
    ],
)  # fmt: skip
def test_answers_are_told_apart_by_what_they_say(first: str, second: str, outcome: Outcome) -> None:
    assert outcome_of(first, second) is outcome
    assert outcome_of(second, first) is outcome


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ("\\lim_{x\\to 0} \\frac{\\sin x}{x}", "1", True),
        ("\\int x dx", "\\frac{x^2}{2}", True),
        ("\\int i dx", "ix", False),  # it takes i for what it likes
        ("\\int R r dr", "\\frac{Rr^2}{2}", False),  # and R for r
        ("\\int_0^1 x dx", "10^{-9}", False),  # and rounds to some decimals
    ],
)
def test_a_checker_is_asked_only_what_cannot_go_wrong_in_it(first: str, second: str, asked: bool) -> None:
    found = asked_of(first, second)
    assert isinstance(found, tuple) if asked else found is not EQUAL and isinstance(found, Outcome)


def _documented() -> list[tuple[str, str, Outcome]]:
    """The examples of the table in docs/answers.md: `a`, `b`; `c`, `d`."""
    text = (Path(__file__).parents[3] / "docs/answers.md").read_text()
    section = text.partition("## How two answers are compared")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line) for line in section.splitlines() if line.startswith("| ")][1:]
    found = []
    for _, _, equal, different, _ in rows:
        for cell, outcome in ((equal, EQUAL), (different, DIFFERENT)):
            for first, second in re.findall(r"`([^`]+)`, `([^`]+)`", cell.replace("\\|", "|")):
                found.append((first, second, outcome))
    return found


@pytest.mark.parametrize(("first", "second", "outcome"), _documented())
def test_the_examples_of_the_documentation_hold(first: str, second: str, outcome: Outcome) -> None:
    assert outcome_of(first, second) is outcome


def test_long_answers_leave_nothing_in_memory() -> None:
    """A model that repeats itself writes thousands of long answers, all different."""
    held = (_short_form, _read_short, _compared_small, _same_small, _size_of_small)
    for memory in held:
        memory.cache_clear()
    for number in range(20):
        long = "+".join(f"{number}x^{{{term}}}" for term in range(100, 300))
        canonical(long)
        outcome_of(long, f"{long}+1")
        unit_of(f"{number}" * 81, True)
    assert sum(memory.cache_info().currsize for memory in held) < 20


@pytest.mark.parametrize("first", ["3 hours and 2/0 minutes", "x units + 1", "2/0 feet 3 inches", "(1,2)\\cap(3,4)"])
def test_what_cannot_be_worked_out_is_an_answer_like_any_other(first: str) -> None:
    assert outcome_of(first, first) is EQUAL
    assert outcome_of(first, "3") is DIFFERENT
    assert outcome_of(first, canonical(first)) is EQUAL
