"""Claims about the checker: right on honest answers, bounded on hostile ones."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.checks import verify
from tasks.checks.verify import Outcome, equivalent

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED
TOWERS = ["9^{9^{9^9}}", "10^{10^{10}}", "\\dfrac{5^{(5^{(5^{(5^5)})}-4)}-5}{16}", "(10^{10^8})!"]


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    """Both workers at work, so that no test times their start."""
    equivalent([("1", "2"), ("1", "3"), ("1", "4"), ("1", "5")])


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
        ("(2,\\infty)", "x>2", DIFFERENT),
        ("", "", DIFFERENT),
        ("5", "\\frac{1", DIFFERENT),
        ("5$ __import__('os').system('true') $", "6", DIFFERENT),
    ],
)
def test_honest_pairs_are_told_apart(first: str, second: str, outcome: Outcome) -> None:
    assert equivalent([(first, second)]) == [outcome]


def test_a_hostile_pair_is_undecided_in_time_and_costs_its_neighbours_nothing() -> None:
    honest = [(f"{n}/4", f"{n / 4}") for n in range(1, 40, 2)]
    started = time.perf_counter()
    outcomes = equivalent([(TOWERS[0], "7"), *honest, ("8", TOWERS[0])], timeout_seconds=1.0)
    assert outcomes == [UNDECIDED, *[EQUAL] * len(honest), UNDECIDED]
    assert time.perf_counter() - started < 2 * (1.0 + 1.0)  # two of them, one worker might take both


@pytest.mark.parametrize("tower", TOWERS)
def test_each_hostile_pair_ends_within_a_second_of_its_timeout(tower: str) -> None:
    assert equivalent([("2", "4/2"), ("1/8", "0.125")]) == [EQUAL, EQUAL]
    _await_two_ready_workers()
    started = time.perf_counter()
    assert equivalent([("11", tower)], timeout_seconds=0.5) == [UNDECIDED]
    assert time.perf_counter() - started < 1.5


def test_an_endless_answer_is_undecided_without_a_worker() -> None:
    started = time.perf_counter()
    assert equivalent([("1" * 1_000_000, "2"), ("{" * 1_000_000, "2")]) == [UNDECIDED, UNDECIDED]
    assert time.perf_counter() - started < 1


def test_a_repeated_pair_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equivalent([("1/16", "0.0625")]) == [EQUAL]
    monkeypatch.setattr(verify, "_check", None)
    assert equivalent([("2/32", "$.0625$")] * 3) == [EQUAL] * 3


def test_a_worker_killed_from_outside_is_replaced_and_loses_no_pair() -> None:
    for worker in list(verify._live):
        os.kill(worker._process.pid, 9)
        worker._process.wait()
    assert equivalent([(f"{n}/64", f"{n / 64}") for n in range(1, 9, 2)]) == [EQUAL] * 4
    assert len(verify._live) == verify.NUM_WORKERS


def test_threads_share_the_workers() -> None:
    pairs = [(f"{n}/128", f"{n / 128 + (n % 3 == 0)}") for n in range(1, 40)]
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda pair: equivalent([pair])[0], pairs))
    assert outcomes == [DIFFERENT if n % 3 == 0 else EQUAL for n in range(1, 40)]
    assert len(verify._live) == verify.NUM_WORKERS


def test_importing_starts_nothing_and_leaving_leaves_nothing() -> None:
    code = (
        "import sys, tasks.checks.verify as v\n"
        "assert 'math_verify' not in sys.modules and 'sympy' not in sys.modules and not v._live\n"
        "print(v.equivalent([('1/2', '0.5'), ('1', '9^{9^{9^9}}')], 0.3))\n"
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
        if len(verify._live) == verify.NUM_WORKERS and all(worker._ready for worker in verify._live):
            return
        equivalent([(f"{salt + 2 * n}", "1"), (f"{salt + 2 * n + 1}", "1")])
        time.sleep(0.05)
    raise AssertionError("the workers never came up")
