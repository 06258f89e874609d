"""Every reader of what a model or a file says: on no text does one raise, hang or grow.

A reader is given two texts (`hostile.py`). What holds besides, such as that a form is its own form, is claimed reader
by reader.
"""

import json
import signal
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from markdown_it import MarkdownIt

from flows.lines.plain import CHARACTERS, LINES, escaped, paragraph, plain, value
from schemas.errors import BadInput
from schemas.pattern import checked, full_match, last_match
from schemas.preferring import BETTER_LINE
from schemas.recipe import AnsweredRows
from schemas.rubric import SCORE_LINE
from schemas.settings import Answers, Contamination, RuleFilters
from tasks.answers.asking import asked_of
from tasks.answers.canonical import MAX_CANONICAL_CHARS, _form, canonical, value_form
from tasks.answers.countdown import solves
from tasks.answers.integrals import antiderivative, is_integrand
from tasks.answers.known import outcome_of
from tasks.answers.verify import Outcome, equivalent
from tasks.audit.figures import distinct_2
from tasks.audit.markdown import LONGEST_TEXT, as_code, as_markdown
from tasks.audit.report import embedded
from tasks.checks.appraising import form_of, read_score
from tasks.checks.grading import shown
from tasks.checks.preferring import shown_pair
from tasks.checks.stopping import Stopping
from tasks.checks.vote import vote
from tasks.games.moves import move_in
from tasks.novelty.contamination import ProtectedTexts
from tasks.novelty.copies import ExactIndex
from tasks.novelty.diversity import jaccard, word_set
from tasks.novelty.index import NoveltyIndex, rouge_l_f1
from tasks.novelty.runs import WordRuns
from tasks.novelty.words import level, num_words, spans_of, words_and_signs_of, words_of
from tasks.reading.arithmetic import LONGEST, read_arithmetic
from tasks.reading.attempts import final_answer
from tasks.reading.corrected import read_corrected
from tasks.reading.games_won import read_won
from tasks.reading.grades import read_grade
from tasks.reading.posed import leaks, masked_span, read_posed
from tasks.reading.preferences import prefers_first
from tasks.reading.proposals import MAX_ITEMS, form_rules, parse_numbered_list, tidy
from tasks.reading.references import Reference, read_reference
from tasks.reading.results import read_results
from tasks.reading.rewritten import read_rewritten
from tasks.rules import first_refusal
from tasks.rules.pose import posing_rules
from tasks.sources import read_source

from .games.kuhn import KUHN
from .hostile import FAULTS, JSON, TEXTS

SECONDS = 5.0
"""Of the processor's time, for one reader and one case, up to a dozen readings: a busy machine is no hang."""
FEW, MANY = 1_000, 100_000  # cases in `make test` and `make test-slow`, of all readers together

FILTERS = RuleFilters(
    min_words=2,
    max_words=150,
    keywords=("image", "go to"),
    forbid_programs=True,
    forbid_leading_punctuation=True,
    forbid_leading_nonascii=True,
    pattern=r"[\s\S]*\?|(?:\d+ ?)+",
)


def answers(first: str, second: str) -> None:
    for pattern in (None, r"#((?:\d+ ?)+)$", r"(?i)answer\W+(\w+)|="):
        found = final_answer(first + second, pattern)
        assert isinstance(found.source, str) and (found.text is None or found.text.strip())
        assert len(found.text or "") <= 2 * len(first + second) + 20


def moves(first: str, second: str) -> None:
    for pattern in (None, r"^([12])"):
        checks = Answers(equivalence="canonical", pattern=pattern)
        assert move_in(first + second, KUHN, checks) in ("Pass", "Bet", None)


def grades(first: str, second: str) -> None:
    for text in (first + second, f"{first}\nScore: {second}"):
        for pattern in (SCORE_LINE, r"(\d+)\W*$"):
            grade = read_grade(text, pattern, 5)
            assert grade is None or 0 <= grade <= 5
            score = read_score(text, pattern)
            assert (score is None or 0 <= score <= 1) and form_of(text, pattern) in (0, 0.5, 1)
    data = shown(first, second, ("<|im_end|>", ";"))
    assert not any(mark in text for mark in ("<|im_end|>", ";") for text in data.values())
    assert sum(map(len, data.values())) <= 2 * len(first + second) + 20


def preferences(first: str, second: str) -> None:
    for text in (first + second, f"{first}\nBetter: {second}"):
        for pattern in (BETTER_LINE, r"^(\w)"):
            assert prefers_first(text, pattern) in (True, False, None)
    data = shown_pair(first, second, first, ("<|im_end|>", ";"))
    assert not any(mark in text for mark in ("<|im_end|>", ";") for text in data.values())


def corrected(first: str, second: str) -> None:
    for text in (first + second, f"{first}\n1\n{second}", f"{first}\n2\n{second}"):
        parts = read_corrected(text, "1", "2")
        assert parts.accepts in (True, False, None)
        assert len(parts.first) + len(parts.second) <= len(text)


def forms(first: str, second: str) -> None:
    for text in filter(None, (first, second)):
        _form(text)  # `canonical` would hide what it raises
        for normal in (canonical, value_form):
            form = normal(text)
            assert normal(form) == form
            assert len(form) <= max(MAX_CANONICAL_CHARS, 20 * len(text))


def comparing(first: str, second: str) -> None:
    outcome = outcome_of(first, second)
    assert outcome in (*Outcome, None) and outcome == outcome_of(second, first)
    asked = asked_of(first, second)
    assert isinstance(asked, Outcome) or sum(map(len, asked)) <= 60 * (len(first) + len(second)) + 400
    for text in (first, second):
        if form := canonical(text):
            assert outcome_of(text, text) is not Outcome.DIFFERENT
            assert outcome_of(form, form) is Outcome.EQUAL
            assert outcome_of(text, form) is not Outcome.DIFFERENT


def votes(first: str, second: str) -> None:
    texts: list[str | None] = [first, second, final_answer(first).text, None, first]

    def same(one: str, other: str) -> Outcome:
        return outcome_of(one, other) or Outcome.UNDECIDED

    for rule in ("classes", "serl_pivot", "string", "random"):
        verdict = vote(texts, rule, same, draw=7)
        assert len(verdict.members) == verdict.num_attempts == 5
        assert verdict.votes <= verdict.num_valid <= 4 and 0 <= verdict.agreement <= 1
    ahead, back = vote(texts, "classes", same), vote(texts[::-1], "classes", same)
    assert (ahead.answer, ahead.classes) == (back.answer, back.classes), "the attempts' order changes nothing"


def stopping(first: str, second: str) -> None:
    for joins in (False, True):
        assert Stopping(6, 0.3, 0.8, joins).settled([first, second, None, first]) in (False, True)


def proposals(first: str, second: str) -> None:
    for start in (1, 9):
        items = parse_numbered_list(first + second, start)
        assert len(items) <= MAX_ITEMS and sum(map(len, items)) <= 2 * len(first + second) + 20
        for text in (*items, first):
            tidied = tidy(text, FILTERS)
            assert tidy(tidied, FILTERS) == tidied and len(tidied) <= 2 * len(text) + 20
            violation = first_refusal(form_rules(tidied, FILTERS))
            assert violation is None or [*map(type, violation)] == [str, int, int, str]


def posed(first: str, second: str) -> None:
    checks = Answers(equivalence="canonical")
    for text in (first + second, f"Question: {first}\nAnswer: {second}"):
        for pattern in (r"(?s)Question:(.*?)\nAnswer:(.*)$", r"(\S*)\s*(a*)*", r"(?s)Question:(.*)"):
            question, reason = read_rewritten(text, "stop", pattern)
            assert reason in ("", "unreadable") and (reason or question) and len(question) <= 2 * len(text) + 20
            if span := masked_span(text, pattern):
                assert 0 <= span[0] <= span[1] <= len(text)
            found = read_posed(text, pattern)
            if found:
                assert found.question and len(found.question) + len(found.answer or "") <= 2 * len(text) + 20
                assert leaks(found) in (False, True)
                worked = found._replace(solution=second)
                rules = posing_rules(worked, False, checks, Contamination(), lambda text: None, lambda text: False)
                first_refusal(rules)
            assert 0 <= jaccard(word_set(first), word_set(second)) <= 1


def new_texts(first: str, second: str) -> None:
    assert 0 <= rouge_l_f1(first, second) == rouge_l_f1(second, first) <= 1
    index = NoveltyIndex(0.7)
    index.add(first, "first")
    assert index.nearest(first) == ((1.0, "first") if rouge_l_f1(first, first) else (0.0, None))
    assert index.admit(second, "second") == (rouge_l_f1(first, second) <= 0.7)
    assert distinct_2([first], [second]) is None or distinct_2([first], [first]) == 1


def copies(first: str, second: str) -> None:
    index = ExactIndex()
    index.add(first, "first")
    index.add(second, "second")
    assert index.nearest(first) == (1.0, "first") and index.nearest(f" {second}\n")[0] == 1.0


def protected_texts(first: str, second: str) -> None:
    protected = ProtectedTexts([("a", "1", first), ("b", "2", first + second)], ngram=3, near=0.7)
    hit = protected.find(first)
    assert hit is not None and (hit.kind, hit.row_id, hit.span) == ("exact", "1", first)
    for text in (second, f"{second} {first}"):
        hit = protected.find(text)
        assert hit is None or (hit.span in text and 0.7 < hit.score <= 1)


def runs(first: str, second: str) -> None:
    held = WordRuns([second, first], 2)
    for text in (first, second, f"{first} {second}"):
        found = held.find(text)
        assert found is None or (found[0] in (0, 1) and 0 <= found[1] < found[2] <= len(text))


def words(first: str, second: str) -> None:
    text = first + second
    assert level(level(text)) == level(text) and len(level(text)) <= 20 * len(text)
    assert words_of(level(text)) == words_of(text)
    assert len(words_of(text)) == len(spans_of(text)) <= len(words_and_signs_of(text))
    assert num_words(text) <= len(level(text))


def references(first: str, second: str) -> None:
    values: list[Any] = [
        first,
        [first],
        [first, second],
        (first, None),
        {first: second},
        first.encode("utf-8", "replace"),
    ]
    with suppress(ValueError, RecursionError):  # what is no JSON
        values.append(json.loads(first))
    for found in map(read_reference, values):
        assert isinstance(found, Reference) and found.how
        assert found.text is None or (found.text.strip() and len(found.text) <= 4 * len(first + second) + 2_000)


def files(first: str, second: str) -> None:
    asked = AnsweredRows(path="rows", question="question", answer="answer")
    rows = [
        {"question": first, "answer": second},
        {"question": second, "answer": [first]},
        {"question": "1 + 1?", "answer": 2},
    ]
    lines = {
        "jsonl": "\n".join([*map(json.dumps, rows), first, json.dumps(second)]),
        "csv": f"question,answer\n{first},{second}\n1 + 1?,2\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        for suffix, text in lines.items():
            Path(folder, f"rows.{suffix}").write_bytes(text.encode("utf-8", "surrogatepass"))
            with suppress(BadInput):
                found = read_source("data.probe", asked.model_copy(update={"path": f"rows.{suffix}"}), Path(folder))
                assert all(row["question"].strip() and row["reference"].strip() for row in found.rows)


def results_of_tools(first: str, second: str) -> None:
    rows = [{"id": first, "correct": 1}, {"doc_id": second, "metrics": [first], first: 0, "filter": second}]
    samples = [{"id": second, "scores": {first: {"value": "C"}}}, {"id": first, "scores": {first: second}}]
    texts = {
        "rows.jsonl": json.dumps(rows[0]) + "\n" + json.dumps({"id": second, "correct": first}),
        "log.jsonl": f"{json.dumps(rows[1])}\n{first}\n{json.dumps(second)}",
        "samples.eval": json.dumps(samples),
        "text.eval": first,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path, content = Path(folder, name), text.encode("utf-8", "surrogatepass")
            path.write_bytes(content)
            if name.endswith(".eval"):
                with zipfile.ZipFile(path, "w") as archive:
                    archive.writestr("summaries.json", content)
            for metrics in ((), (first,)):
                try:
                    marks = read_results(path, metrics)[""].marks
                    assert 0 < len(marks) <= 3 and set(marks.values()) <= {True, False, None}
                except BadInput as error:
                    assert "\n" not in str(error) and len(str(error)) < 1_500
        Path(folder, "won.jsonl").write_text(json.dumps({"a": first, "b": second, "winner": "a"}))
        with suppress(BadInput):
            assert len(read_won(Path(folder, "won.jsonl")).players) == 2
        Path(folder, "torn.eval").write_bytes(
            (first + second).encode("utf-8", "surrogatepass") + b"PK\x05\x06" + bytes(18)
        )
        with suppress(BadInput):
            read_results(Path(folder, "torn.eval"))


def arithmetic(first: str, second: str) -> None:
    for text in (first, second, f"({first})*{second}", f"1/({first})"):
        found = read_arithmetic(text)
        assert found is None or (len(text) <= LONGEST and sum(map(len, map(str, found.numbers))) <= len(text))
        assert solves(f"3 of {len(first)} 2", text) in (Outcome.EQUAL, Outcome.DIFFERENT)
        assert solves(text, "1+2") is Outcome.DIFFERENT


def integrals(first: str, second: str) -> None:
    for pair in ((first, second), ("2x", first), (first, "x^2"), ("1/x", f"{first}+{second}")):
        assert antiderivative(*pair) in Outcome
    assert is_integrand(first) in (False, True)


def patterns(first: str, second: str) -> None:
    for pattern in (r"#((?:\d+ ?)+)$", r"(a*)*b", r"^\s*(\S+\s*)+$", first):
        with suppress(ValueError):
            assert checked(pattern) == pattern
            assert full_match(pattern, second) in (False, True)
            assert len(last_match(pattern, second) or "") <= len(second)


def terminal_lines(first: str, second: str) -> None:
    for line in (
        escaped(first),
        plain(first),
        value(first),
        value([first, {second: first}]),
        *paragraph(f"{first}\n{second}"),
    ):
        assert line.isprintable()
    assert len(escaped(first)) <= 10 * len(first) and len(plain(first)) <= 10 * 200 + 40
    assert sum(map(len, paragraph(first))) <= 10 * CHARACTERS + 40 * LINES


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
SHOWN = ("paragraph_open", "inline", "paragraph_close")


def markdown(first: str, second: str) -> None:
    text = as_markdown(first)
    tokens = MARKDOWN.parse(f"x {text} x")
    assert [token.type for token in tokens] == [*SHOWN] and text.isprintable() and len(text) <= 10 * LONGEST_TEXT
    assert {child.type for child in tokens[1].children or []} <= {"text", "text_special"}
    fenced = MARKDOWN.parse(as_code(second, "toml") + "\n\nafter\n")
    assert [token.type for token in fenced] == ["fence", *SHOWN]
    assert all(c.isprintable() or c == "\n" for c in fenced[0].content)


def report(first: str, second: str) -> None:
    stored = [
        text.encode("utf-8", "replace").decode() for text in (first, second)
    ]  # a table holds no half characters
    script = str(embedded({"rows": stored, stored[0]: 1}, "rows"))
    inside = script.removeprefix('<script type="application/json" id="rows">').removesuffix("</script>")
    assert not set(inside) & set("<>&\u2028\u2029") and json.loads(inside)["rows"] == stored


READERS: dict[str, Callable[[str, str], None]] = {
    reader.__name__: reader
    for reader in (
        answers, corrected, grades, preferences, moves, forms, comparing, votes, stopping, proposals, posed,
        new_texts, copies, protected_texts, runs, words, references, files, results_of_tools, arithmetic, integrals,
        patterns, terminal_lines, markdown, report,
    )
}  # fmt: skip


def of_each(cases: int) -> int:
    """So many of a reader that all together have these, or a few more."""
    return -(-cases // len(READERS))


class Hangs(Exception):
    """A reader took longer than SECONDS."""


@contextmanager
def watched() -> Iterator[None]:
    """Raises Hangs out of whatever runs in Python or in a regular expression."""

    def ring(*_: object) -> None:
        raise Hangs(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGVTALRM, ring)
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    if time.process_time() - began > 2 * SECONDS:
        raise Hangs(f"{time.process_time() - began:.1f} s, in code that nothing interrupts")


def cases_read(read: Callable[[str, str], None], number: int, fixed: bool) -> int:
    """So many cases, made by Hypothesis; returns how many they were."""
    count = 0

    @settings(
        max_examples=number,
        derandomize=fixed,
        database=None,
        deadline=None,  # `watched` is one, of the processor's time
        phases=(Phase.generate, Phase.shrink),  # to explain it would trace each line, which takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(TEXTS, TEXTS)
    def reading(first: str, second: str) -> None:
        nonlocal count
        count += 1
        with watched():
            read(first, second)

    reading()
    return count


@pytest.mark.parametrize("reader", READERS)
def test_no_fault_that_a_reader_ever_had_comes_back(reader: str) -> None:
    for first, second in FAULTS:
        for pair in ((first, second), (second, first)):
            with watched():
                READERS[reader](*pair)


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_raises_hangs_or_grows_on_a_fixed_thousand_of_cases(reader: str) -> None:
    assert cases_read(READERS[reader], of_each(FEW), fixed=True) >= of_each(FEW)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_raises_hangs_or_grows_on_a_hundred_thousand_cases(reader: str, record_property: Any) -> None:
    began = time.perf_counter()
    count = cases_read(READERS[reader], of_each(MANY), fixed=False)
    record_property("shown", f"{reader}: {count:,} of {MANY:,} cases in {time.perf_counter() - began:.0f} s")
    assert count >= of_each(MANY)


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(JSON)
def test_references_of_any_type_are_read(value: Any) -> None:
    found = read_reference(value)
    assert isinstance(found, Reference) and (found.text is None or found.text.strip())


def test_workers_end_with_an_outcome_for_each_fault() -> None:
    pairs = [*FAULTS[:8], ("\\lim_{x\\to0} 1/x", "\\int_0^1 1/x dx"), ("\\sum_{k=1}^{10^9} 1/k", "\\binom{99999}{5}")]
    outcomes = equivalent(pairs, timeout_seconds=1.0)
    assert len(outcomes) == len(pairs) and Outcome.EQUAL not in outcomes[:3]
