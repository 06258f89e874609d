import time

from flows.beside import Beside


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
