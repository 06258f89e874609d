"""Claims about the checker: right on honest answers, bounded on hostile ones."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from schemas.settings import Answers
from tasks.answers import verify, worker
from tasks.answers.verify import Outcome, equivalent
from tasks.answers.worker import Gone, Killed, Worker

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED
TOWER = "9^{9^{9^9}}"


@cache
def hostile_texts() -> dict[str, str]:
    """Name -> text, up to a megabyte: head and tail repeated around the middle."""
    lines = (Path(__file__).parent / "hostile.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {r["name"]: r["head"] * r["times"] + r["middle"] + r["tail"] * r["times"] + r["end"] for r in rows}


def limit(value: object) -> str:
    """A text that only the checker can read."""
    return f"\\lim_{{x\\to 0}} {value}"


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    """Both workers at work, so that no test times their start."""
    equivalent([(limit(n), "1") for n in range(2, 6)])


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
        ("0", "x^2+1=0", DIFFERENT),
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
    honest = [(f"{n}", limit(n)) for n in range(1, 20)]
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
    honest = [(f"{n}", limit(n)) for n in range(50, 74)]
    mixed = [pair for both in zip(hostile, honest, strict=True) for pair in both]
    outcomes = equivalent(mixed, timeout_seconds=0.5)  # of a busy machine too
    assert outcomes[1::2] == [EQUAL] * len(honest)
    assert EQUAL not in outcomes[::2]
    _await_two_ready_workers()
    family = psutil.Process().children(recursive=True)
    mine = [process for process in family if "verify_worker" in " ".join(process.cmdline())]
    assert len(mine) == 2 * verify.NUM_WORKERS, "a worker is a process that forks, and its child"
    assert sum(process.memory_info().rss for process in mine) < len(mine) * 200 * 2**20


@pytest.fixture
def one() -> Iterator[Worker]:
    """A worker of the test's own, at work."""
    own = Worker()
    assert own.check("y+1", "1+y", 5.0) == "equal"
    yield own
    own.end()


def right(own: Worker, times: int = 3) -> bool:
    """Whether a worker gives each pair its own outcome."""
    words = [own.check("y+1", second, 5.0) for second in ["1+y", "2+y"] * times]
    return words == ["equal", "different"] * times


@pytest.mark.parametrize("second", ["1+y", TOWER])
def test_a_pair_given_up_before_it_was_read_costs_the_next_ones_nothing(one: Worker, second: str) -> None:
    for _ in range(3):
        os.kill(one._child, signal.SIGSTOP)
        with pytest.raises(Killed):
            one.check("y+1", second, 0.01)
        started = time.perf_counter()
        assert right(one)
        assert time.perf_counter() - started < 2


def test_a_reply_that_comes_late_is_nobodys(one: Worker) -> None:
    for _ in range(3):
        one._send([one._child, one._number, "y+1", "2+y", 5.0])
        assert one.check("y+1", "1+y", 5.0) == "equal"
    with suppress(Killed):
        one.check("y+1", "2+y", 1e-6)
    assert right(one)


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_child_killed_while_idle_costs_no_pair(one: Worker, seconds: float) -> None:
    for _ in range(3):
        os.kill(one._child, 9)
        time.sleep(seconds)
        assert right(one)


def test_a_child_that_dies_of_a_pair_leaves_it_undecided_and_the_next_ones_right(one: Worker) -> None:
    threading.Timer(0.3, os.kill, (one._child, 9)).start()
    with pytest.raises(Killed):
        one.check(TOWER, "7", 20.0)
    assert right(one)


def test_a_worker_that_was_gone_before_it_took_the_pair_says_so(one: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    os.killpg(one._process.pid, 9)
    with pytest.raises(Gone):
        one.check("y+1", "1+y", 5.0)
    _await_two_ready_workers()
    for victim in filter(None, verify._workers):
        os.killpg(victim._process.pid, 9)
    monkeypatch.setattr(Worker, "alive", True)  # as if each died just after the look
    assert equivalent([(limit(101), "101"), (limit(101), "102")]) == [EQUAL, DIFFERENT]


def test_a_reply_that_is_there_counts_though_this_process_slept_through_the_deadline(one: Worker) -> None:
    os.kill(one._child, 9)
    time.sleep(0.3)
    assert one._reply(time.monotonic() - 1)[0] == "ready"


def test_a_child_that_may_not_be_killed_is_no_error(one: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    one._kill_child()


def test_odd_texts_reach_the_worker_whole(one: Worker) -> None:
    for text in ("\ud800", "\u2028\x85\r\n", '"],', "\0" * 4000, "\U0001f600" * 4000):
        assert one.check("y+1", text, 5.0) in ("different", "undecided")
    assert right(one)


@pytest.mark.timeout(60)
def test_trouble_in_starting_a_worker_is_an_error_and_over_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _await_two_ready_workers()
    for victim in filter(None, verify._workers):
        victim.end()
    with monkeypatch.context() as broken:
        broken.setattr(subprocess, "Popen", lambda *_, **__: 1 / 0)
        for n in range(verify.NUM_WORKERS + 1):
            with pytest.raises(ZeroDivisionError):
                equivalent([(f"{n}", limit(31))])
            with pytest.raises(ZeroDivisionError):
                equivalent([(f"{n}", limit(31)), (f"{n}", limit(37))])
    assert equivalent([("100", limit(100)), ("2", limit(100))]) == [EQUAL, DIFFERENT]


def test_a_start_that_fails_halfway_is_taken_up_where_it_failed() -> None:
    code = (
        "import psutil, subprocess, threading\n"
        "import tasks.answers.verify as v\n"
        "true, started, hooks = subprocess.Popen, [], []\n"
        "def popen(*args, **more):\n"
        "    started.append(1)\n"
        "    if len(started) == 2:\n"
        "        raise OSError(12, 'no memory')\n"
        "    return true(*args, **more)\n"
        "subprocess.Popen, register = popen, threading._register_atexit\n"
        "threading._register_atexit = lambda hook: (hooks.append(hook), register(hook))\n"
        "try:\n"
        "    v.start_workers()\n"
        "except OSError:\n"
        "    v.start_workers()\n"
        "    v.start_workers()\n"
        "print(len(psutil.Process().children()) - v.NUM_WORKERS, len(hooks), v._idle.qsize() - v.NUM_WORKERS)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["0", "1", "0"]


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e20, 0.0, 3601.0])
def test_a_timeout_that_no_clock_can_hold_is_refused_by_the_recipe(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Answers(equivalence="math", timeout_seconds=seconds)


def test_a_pair_that_takes_too_much_memory_is_undecided_long_before_its_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _await_two_ready_workers()
    monkeypatch.setattr(worker, "MAX_MEMORY_BYTES", 150 * 2**20)
    started = time.perf_counter()
    assert equivalent([("12", "2^{10^{12}}"), ("9", limit(9))], timeout_seconds=60) == [UNDECIDED, EQUAL]
    assert time.perf_counter() - started < 30


def test_an_endless_answer_is_undecided_without_a_worker() -> None:
    started = time.perf_counter()
    assert equivalent([("1" * 1_000_000, "2"), ("{" * 1_000_000, "2")]) == [UNDECIDED, UNDECIDED]
    assert time.perf_counter() - started < 1


def test_what_raises_inside_a_comparison_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "asked_of", lambda first, second: 1 / 0)
    assert equivalent([("1", "2")]) == [UNDECIDED]


def test_a_repeated_pair_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equivalent([("\\frac{2}{1}", limit(2))]) == [EQUAL]
    monkeypatch.setattr(verify, "_check", None)
    assert equivalent([("2.0", f"${limit(2)}$")] * 3) == [EQUAL] * 3


def test_a_worker_killed_from_outside_is_replaced_and_loses_no_pair() -> None:
    for victim in filter(None, verify._workers):
        os.kill(victim._process.pid, 9)
        victim._process.wait()
    assert equivalent([(f"{n}", limit(n)) for n in range(100, 104)]) == [EQUAL] * 4
    assert all(verify._workers) and verify._idle.qsize() == verify.NUM_WORKERS


def test_threads_share_the_workers() -> None:
    pairs = [(f"{n}", limit(n + (n % 3 == 0))) for n in range(1, 40)]
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda pair: equivalent([pair])[0], pairs))
    assert outcomes == [DIFFERENT if n % 3 == 0 else EQUAL for n in range(1, 40)]
    assert all(verify._workers) and verify._idle.qsize() == verify.NUM_WORKERS


def test_importing_starts_nothing_and_leaving_leaves_nothing() -> None:
    code = (
        "import sys, tasks.answers.verify as v\n"
        "assert 'math_verify' not in sys.modules and 'sympy' not in sys.modules and not any(v._workers)\n"
        "print(v.equivalent([('2', '\\\\lim_{x\\\\to 0}(x+2)'), ('1', '9^{9^{9^9}}')], 0.3))\n"
        "print(*[worker._process.pid for worker in v._workers])"
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
        if all(worker and worker.alive and worker.ready for worker in verify._workers):
            return
        equivalent([(limit(salt + 2 * n), "1"), (limit(salt + 2 * n + 1), "1")])
        time.sleep(0.05)
    raise AssertionError("the workers never came up")
