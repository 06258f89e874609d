"""Which rounds descend from which, and what a withdrawal makes of them."""

import pytest

from tasks.store.descent import descendants, way
from tasks.store.gc import find_garbage
from tasks.store.records import add_record
from tasks.store.retention import can_be_approved, drop_held_weights


@pytest.fixture
def six(rounds):
    """1 promoted, 2 held from it, 3 promoted with the rows of 2, 4 held from 3; 5 from the base alone, promoted; 6
    from 5, shown questions of 1."""
    rounds.publish("promoted")
    rounds.publish("held", parent="small/1")
    rounds.publish("promoted", parent="small/1", built_on=[1, 2])
    rounds.publish("held", parent="small/3", built_on=[1, 3])
    rounds.publish("promoted", parent=None)
    rounds.publish("held", parent="small/5", built_on=[1, 5])
    return rounds


def decisions(rounds):
    return [m.decision for m in rounds.lineage.manifests]


def withdraw(rounds, number):
    marked = [number, *(m.round for m in descendants(rounds.lineage.manifests, number))]
    return add_record(rounds.lineage.folder, "withdraw", number, "bad labels", marked)


@pytest.mark.parametrize(("round", "heirs"), [(1, [2, 3, 4, 6]), (2, [3, 4]), (3, [4]), (4, []), (5, [6]), (6, [])])
def test_descent_is_by_weights_by_training_rows_and_by_few_shots(six, round, heirs):
    assert [m.round for m in descendants(six.lineage.manifests, round)] == heirs


def test_the_way_of_a_descent_is_said(six):
    _, second, third, fourth, _, sixth = six.lineage.manifests
    assert way(second, [1, 2]) == "its champion came from small/1"
    assert way(third, [2, 3]) == "it trained on rows of small/2, or was shown them"
    assert way(fourth, [2, 3, 4]) == "its champion came from small/3"
    assert way(sixth, [1, 2, 3, 4, 6]) == "it trained on rows of small/1, or was shown them"


def test_the_champion_falls_back_to_the_last_promoted_round_that_descends_from_no_withdrawn_one(six):
    assert six.lineage.champion_round.round == 5
    withdraw(six, 5)
    assert decisions(six) == ["promoted", "held", "promoted", "held", "withdrawn", "withdrawn"]
    assert six.lineage.champion_round.round == 3
    assert [m.round for m in six.lineage.held_since_champion] == [4]
    withdraw(six, 2)
    assert decisions(six) == ["promoted", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn"]
    assert six.lineage.champion_round.round == 1
    withdraw(six, 1)
    assert six.lineage.champion(six.base) == six.base
    assert six.lineage.held_since_champion == []


def test_a_restored_round_counts_for_what_it_did_with_what_no_other_withdrawal_marks(six):
    withdraw(six, 1)
    withdraw(six, 3)
    add_record(six.lineage.folder, "restore", 1, "the labels were right")
    assert decisions(six) == ["promoted", "held", "withdrawn", "withdrawn", "promoted", "held"]
    add_record(six.lineage.folder, "restore", 3, "too")
    assert decisions(six) == ["promoted", "held", "promoted", "held", "promoted", "held"]


def test_what_a_round_was_and_why_it_no_longer_counts_stand_in_its_reason(six):
    record = withdraw(six, 3)
    _, _, third, fourth, _, _ = six.lineage.manifests
    assert third.reason == f"withdrawn by {record.by}: bad labels; it was promoted: as told"
    assert fourth.reason == f"descends from small/3, withdrawn by {record.by}: bad labels; it was held: as told"


def test_weights_that_a_restore_would_need_are_neither_dropped_nor_garbage(six):
    withdraw(six, 1)
    assert drop_held_weights(six.lineage, 0) == []
    assert find_garbage(six.store, 0.0) == []


def test_a_withdrawn_round_cannot_be_approved_and_one_that_beat_a_withdrawn_champion_neither(rounds):
    rounds.publish("promoted")
    rounds.publish("held", awaiting=True, parent="small/1")
    rounds.publish("held", awaiting=True, parent=None)
    assert can_be_approved(rounds.lineage, rounds.lineage.manifests[1])
    withdraw(rounds, 1)
    assert decisions(rounds) == ["withdrawn", "withdrawn", "held"]
    assert not any(can_be_approved(rounds.lineage, m) for m in rounds.lineage.manifests)
