import subprocess
import sys
import time

import pytest

from flows.beside import Beside

STOPPED = """
import sys, time
from functools import partial
from pathlib import Path
from flows.beside import Beside
from schemas.settings import Answers, Vote
from tasks.answers import verify
from tasks.vote import vote_ahead

for _ in range(verify.NUM_WORKERS - 1):
    verify._idle.get()
checks = Answers(equivalence="math", timeout_seconds=5.0)
beside = Beside(partial(vote_ahead, Vote(), checks))
for part in range(4):
    rows = []
    for question in range(5 * part, 5 * part + 5):
        texts = [*["\\\\lim_{x\\\\to 0} 4", "4"] * 2, f"9^{{9^{{9^{question + 9}}}}}"]
        rows += [{"question_id": f"{question}", "sample": n, "text": f"\\\\boxed{{{text}}}", "finish_reason": "stop"}
                 for n, text in enumerate(texts)]
    beside.take(rows)
while not (verify.OUTCOMES._known and verify._workers[-1]._number > len(verify.OUTCOMES._known)):
    time.sleep(0.01)
time.sleep(0.3)
print(time.time(), flush=True)
try:
    raise {raised}
finally:
    beside.abandon()
    beside.take([])
"""


def test_parts_are_worked_on_in_their_order_while_others_are_made():
    taken = []
    beside = Beside(lambda rows: (time.sleep(0.05), taken.append(rows)))
    for part in range(3):
        beside.take([{"part": part}])
    assert len(taken) < 3
    figures = beside.finish()
    assert taken == [[{"part": part}] for part in range(3)]
    assert figures["seconds"] >= 0.15 and 0 < figures["waited_seconds"] <= figures["seconds"] + 0.1


def test_an_error_beside_a_stage_is_left_to_the_stage_it_prepares():
    beside = Beside(lambda rows: 1 / 0)
    beside.take([])
    assert beside.finish()["seconds"] >= 0


def test_what_is_abandoned_is_not_waited_for():
    beside = Beside(lambda rows: time.sleep(0.3))
    for _ in range(20):
        beside.take([])
    began = time.monotonic()
    beside.abandon()
    assert time.monotonic() - began < 0.2


def test_what_comes_after_the_end_is_no_error():
    taken = []
    beside = Beside(taken.append)
    beside.abandon()
    beside.take([1])
    assert beside.finish()["waited_seconds"] < 1
    beside.take([2])
    beside.abandon()
    assert not taken


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit(143)"])
def test_a_process_that_is_stopped_does_not_wait_for_the_checks_beside(tmp_path, raised):
    code = STOPPED.replace("{raised}", raised)
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60)
    assert time.time() - float(ran.stdout) < 4, ran.stderr  # a check may take five
    assert ran.returncode
