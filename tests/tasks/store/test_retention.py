from tasks.store.records import add_record
from tasks.store.retention import can_be_approved, drop_held_weights


def dropped(rounds):
    return [m.round for m in rounds.lineage.manifests if m.weights_dropped]


def test_weights_of_held_rounds_beyond_the_newest_are_dropped_by_a_record(rounds):
    for decision in ("held", "held", "promoted", "failed", "held", "held"):
        rounds.publish(decision)
    assert drop_held_weights(rounds.lineage, None) == []
    assert drop_held_weights(rounds.lineage, 3) == [1]
    assert drop_held_weights(rounds.lineage, 3) == []
    assert drop_held_weights(rounds.lineage, 0) == [2, 5, 6]
    assert dropped(rounds) == [1, 2, 5, 6]
    assert all(m.reason.endswith("; weights dropped") for m in rounds.lineage.manifests if m.round in (1, 2, 5, 6))
    assert rounds.lineage.champion_round.round == 3


def test_weights_that_may_still_be_approved_are_kept_until_another_is_champion(rounds):
    rounds.publish("held", awaiting=True)
    rounds.publish("held")
    assert drop_held_weights(rounds.lineage, 0) == [2]
    rounds.publish("promoted")
    assert drop_held_weights(rounds.lineage, 0) == [1]


def test_only_what_beat_the_present_champion_can_be_approved(rounds):
    first = rounds.publish("held", awaiting=True)
    second = rounds.publish("held", awaiting=True)
    third = rounds.publish("held")
    assert [can_be_approved(rounds.lineage, m) for m in (first, second, third)] == [True, True, False]
    add_record(rounds.lineage.folder, "approve", 1, "")
    assert [can_be_approved(rounds.lineage, m) for m in rounds.lineage.manifests] == [False, False, False]
