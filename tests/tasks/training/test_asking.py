import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.training.asking import answering

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys, time
from tasks.training.asking import Asking
stage = Asking(sys.argv[1], int(sys.argv[2]), sys.argv[3])
for word in sys.argv[4:]:
    print(stage.ask("length", word, [1]), flush=True)
time.sleep(60)
"""


@pytest.fixture
def worker():
    started = []

    def start(stage, *words):
        command = [sys.executable, "-c", WORKER, *map(str, stage.address), *words]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answered(stage, done):
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until
        stage.answer(0.1)


def test_each_worker_has_the_answer_to_its_own_question(worker):
    asked = []
    with answering({"length": lambda word, more: (asked.append(word), len(word) + len(more))[1]}) as stage:
        processes = [worker(stage, "a", "four"), worker(stage, "seventeen")]
        answered(stage, lambda: len(asked) == 3)
        told = [[process.stdout.readline() for _ in range(n)] for process, n in zip(processes, (2, 1), strict=True)]
    assert told == [["2\n", "5\n"], ["10\n"]]


def test_a_worker_ends_with_the_process_that_answers_it(worker):
    asked = []
    with answering({"length": lambda word, more: asked.append(word)}) as stage:
        process = worker(stage, "a")
        answered(stage, lambda: asked)
        assert process.poll() is None
    assert process.wait(5) == 1
    assert "the process that started this one is gone" in process.stderr.read()


def test_who_does_not_know_the_token_is_sent_away_and_asks_nothing(worker):
    asked = []
    with answering({"length": lambda word, more: asked.append(word)}) as stage:
        host, port, _ = stage.address
        with socket.create_connection((host, port)) as stranger:
            stranger.sendall(b'["length","b",[]]\n')
            stranger.settimeout(0.1)
            said = [b"?"]

            def sent_away():
                try:
                    said[0] = stranger.recv(100)
                except TimeoutError:
                    return False
                except OSError:
                    said[0] = b""
                return True

            answered(stage, sent_away)
            assert said == [b""]
        worker(stage, "a")
        answered(stage, lambda: asked)
    assert asked == ["a"]


def test_what_an_answer_raises_ends_the_stage_and_the_worker(worker):
    def refuse(word, more):
        raise ValueError(word)

    with pytest.raises(ValueError, match="a"), answering({"length": refuse}) as stage:
        process = worker(stage, "a")
        answered(stage, lambda: False)
    assert process.wait(5) == 1
