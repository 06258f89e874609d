"""Claims about the checker: right on honest answers, bounded on hostile ones."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import psutil
import pytest

from tasks.checks import verify, worker
from tasks.checks.verify import Outcome, equivalent

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED
TOWER = "9^{9^{9^9}}"


@cache
def hostile_texts() -> dict[str, str]:
    """Name -> text, up to a megabyte: head and tail repeated around the middle."""
    lines = (Path(__file__).parent / "hostile.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {r["name"]: r["head"] * r["times"] + r["middle"] + r["tail"] * r["times"] + r["end"] for r in rows}


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    """Both workers at work, so that no test times their start."""
    equivalent([(f"\\sqrt{{{n}}}", "1") for n in range(2, 6)])


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("1/2", "0.5", EQUAL),
        ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt 3}", EQUAL),
        ("x^2+2x+1", "(x+1)^2", EQUAL),
        ("1/3", "0.33", DIFFERENT),
        ("(1,2)", "[1,2]", DIFFERENT),
        ("\\begin{pmatrix}1&2\\end{pmatrix}", "\\begin{pmatrix} 1 & 2.0 \\end{pmatrix}", EQUAL),
        ("3 apples", "3", EQUAL),
        ("Yes", "yes", EQUAL),
        ("Monday", "monday", EQUAL),
        ("seat", "east", DIFFERENT),
        ("x>2", "(2,\\infty)", EQUAL),
        ("(2,\\infty)", "x>2", EQUAL),
        ("0", "x^2+1=0", EQUAL),  # the checker looks at the right side alone, one way
        ("x^2+1=0", "0", DIFFERENT),
        ("40 feet", "40 meters", DIFFERENT),
        ("40 feet", "480 inches", EQUAL),
        ("\\sqrt{2} feet", "12\\sqrt{2} inches", EQUAL),
        ("\\$0.50", "50 cents", EQUAL),
        ("50", "50\\%", EQUAL),
        ("0.15", "0.15\\%", DIFFERENT),
        ("1/3", "0.333333333", DIFFERENT),  # exact, where math-verify rounds to six places
        ("New York", "new york", EQUAL),
        ("", "", DIFFERENT),
        ("5", "\\frac{1", DIFFERENT),
        ("5$ __import__('os').system('true') $", "6", DIFFERENT),
    ],
)
def test_honest_pairs_are_told_apart(first: str, second: str, outcome: Outcome) -> None:
    assert equivalent([(first, second)]) == [outcome]


def test_a_hostile_pair_is_undecided_in_time_and_costs_its_neighbours_nothing() -> None:
    honest = [(f"{n}", f"\\sqrt{{{n * n}}}") for n in range(1, 20)]
    started = time.perf_counter()
    outcomes = equivalent([(TOWER, "7"), *honest, ("8", TOWER)], timeout_seconds=1.0)
    assert outcomes == [UNDECIDED, *[EQUAL] * len(honest), UNDECIDED]
    assert time.perf_counter() - started < 2 * (1.0 + 1.0)  # two of them, one worker might take both


@pytest.mark.parametrize("name", hostile_texts())
def test_each_hostile_text_ends_within_a_second_of_its_timeout_and_is_never_called_equal(name: str) -> None:
    text = hostile_texts()[name]
    started = time.perf_counter()
    outcomes = equivalent([("1009", text)], timeout_seconds=0.25)
    assert time.perf_counter() - started < 0.25 + 1
    assert outcomes[0] in (UNDECIDED, DIFFERENT)  # none of them is 1009


def test_hostile_texts_leave_no_process_and_honest_pairs_lose_nothing() -> None:
    _await_two_ready_workers()
    hostile = [("1013", text) for text in list(hostile_texts().values())[:24]]
    honest = [(f"{n}", f"\\sqrt{{{n * n}}}") for n in range(50, 74)]
    mixed = [pair for both in zip(hostile, honest, strict=True) for pair in both]
    outcomes = equivalent(mixed, timeout_seconds=0.2)
    assert outcomes[1::2] == [EQUAL] * len(honest)
    assert EQUAL not in outcomes[::2]
    _await_two_ready_workers()
    family = psutil.Process().children(recursive=True)
    mine = [process for process in family if "verify_worker" in " ".join(process.cmdline())]
    assert len(mine) == 2 * verify.NUM_WORKERS, "a worker is a process that forks, and its child"
    assert sum(process.memory_info().rss for process in mine) < len(mine) * 200 * 2**20


def test_a_pair_that_takes_too_much_memory_is_undecided_long_before_its_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _await_two_ready_workers()
    monkeypatch.setattr(worker, "MAX_MEMORY_BYTES", 150 * 2**20)
    started = time.perf_counter()
    assert equivalent([("12", "2^{10^{12}}"), ("9", "\\sqrt{81}")], timeout_seconds=60) == [UNDECIDED, EQUAL]
    assert time.perf_counter() - started < 30


def test_an_endless_answer_is_undecided_without_a_worker() -> None:
    started = time.perf_counter()
    assert equivalent([("1" * 1_000_000, "2"), ("{" * 1_000_000, "2")]) == [UNDECIDED, UNDECIDED]
    assert time.perf_counter() - started < 1


def test_a_repeated_pair_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equivalent([("\\frac{1}{16}", "\\sqrt{1/256}")]) == [EQUAL]
    monkeypatch.setattr(verify, "_check", None)
    assert equivalent([("2/32", "$\\sqrt{1/256}$")] * 3) == [EQUAL] * 3


def test_a_worker_killed_from_outside_is_replaced_and_loses_no_pair() -> None:
    for victim in list(verify._live):
        os.kill(victim._process.pid, 9)
        victim._process.wait()
    assert equivalent([(f"{n}", f"\\sqrt{{{n * n}}}") for n in range(100, 104)]) == [EQUAL] * 4
    assert len(verify._live) == verify.NUM_WORKERS


def test_threads_share_the_workers() -> None:
    pairs = [(f"{n}", f"\\sqrt{{{n * n + (n % 3 == 0)}}}") for n in range(1, 40)]
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda pair: equivalent([pair])[0], pairs))
    assert outcomes == [DIFFERENT if n % 3 == 0 else EQUAL for n in range(1, 40)]
    assert len(verify._live) == verify.NUM_WORKERS


def test_importing_starts_nothing_and_leaving_leaves_nothing() -> None:
    code = (
        "import sys, tasks.checks.verify as v\n"
        "assert 'math_verify' not in sys.modules and 'sympy' not in sys.modules and not v._live\n"
        "print(v.equivalent([('2', '\\\\sqrt{4}'), ('1', '9^{9^{9^9}}')], 0.3))\n"
        "print(*[worker._process.pid for worker in v._live])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    outcomes, pids = ran.stdout.splitlines()
    assert "equal" in outcomes and "undecided" in outcomes
    assert len(pids.split()) == verify.NUM_WORKERS
    for pid in pids.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def _await_two_ready_workers() -> None:
    """Give both workers a pair each, until each has answered one."""
    salt = time.monotonic_ns()
    for n in range(100):
        if len(verify._live) == verify.NUM_WORKERS and all(worker.ready for worker in verify._live):
            return
        equivalent([(f"\\sqrt{{{salt + 2 * n}}}", "1"), (f"\\sqrt{{{salt + 2 * n + 1}}}", "1")])
        time.sleep(0.05)
    raise AssertionError("the workers never came up")
