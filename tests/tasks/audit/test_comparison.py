"""Runs against a baseline, task by task; the statistics themselves are tested in tests/tasks/statistics."""

import pytest

from schemas.errors import BadInput
from tasks.audit.comparison import compared_runs
from tasks.statistics.intervals import paired_difference
from tasks.statistics.power import items_needed
from tasks.statistics.significance import mcnemar, no_worse


def marks(text):
    """A letter an item: right, wrong or undecided."""
    return {str(n): {"r": True, "w": False, "u": None}[letter] for n, letter in enumerate(text)}


OLD, NEW = marks("r" * 20 + "w" * 20), marks("r" * 18 + "w" * 2 + "r" * 12 + "w" * 8)


def test_of_two_files_all_figures_follow_from_the_marks():
    (found,) = compared_runs([("a", {"": OLD}), ("b", {"": NEW})], 0.05)
    assert (found.n, found.gained, found.lost, found.passed) == (40, 12, 2, True)
    assert found.p_value == found.adjusted_p == mcnemar(12, 2)
    assert [score.accuracy for score in found.scores] == [0.5, 0.75]
    assert (found.difference, found.low, found.high) == paired_difference([*NEW.values()], [*OLD.values()])
    assert found.items_needed == items_needed(14 / 40, 10 / 40, 0.05) < 40


def test_items_that_one_side_has_not_and_undecided_ones_are_counted():
    old, new = marks("rruwwr") | {"only": True}, marks("rwrruu") | {"other": True, "another": None}
    (found,) = compared_runs([("a", {"": old}), ("b", {"": new})], 0.05)
    assert (found.only_a, found.only_b, found.left_out, found.n) == (1, 2, 1, 5)
    assert (found.gained, found.lost) == (1, 2), "undecided for b counts as wrong"
    assert [(score.accuracy, score.undecided) for score in found.scores] == [(0.6, 0), (0.4, 2)]


def test_several_comparisons_are_read_together():
    runs = [("a", {"x": OLD, "y": OLD}), ("b", {"x": NEW, "y": OLD}), ("c", {"y": NEW, "z": NEW})]
    found = compared_runs(runs, 0.05)
    assert [(each.b, each.benchmark) for each in found] == [("b", "x"), ("b", "y"), ("c", "y")]
    p = mcnemar(12, 2)
    assert [each.adjusted_p for each in found] == pytest.approx([3 * p, 1.0, 3 * p])
    assert [each.passed for each in found] == [True, False, True]
    assert found[0].detectable_gain > compared_runs([("a", {"": OLD}), ("b", {"": NEW})], 0.05)[0].detectable_gain
    assert not any(each.passed for each in compared_runs(runs, 0.01))


def test_with_a_maximal_loss_it_is_ruled_out_or_not():
    same = {"": marks("r" * 100 + "w" * 60)}
    for max_loss, passed in ((0.05, True), (0.001, False)):
        (found,) = compared_runs([("a", same), ("b", same)], 0.05, max_loss)
        assert (found.passed, found.test, found.items_needed) == (passed, "tango", None)
        assert found.p_value == no_worse(0, 0, 160, max_loss)


def test_a_loss_is_no_gain_and_no_difference_needs_no_items():
    (worse,) = compared_runs([("a", {"": NEW}), ("b", {"": OLD})], 0.05)
    assert (worse.passed, worse.difference) == (False, -0.25) and worse.items_needed
    (same,) = compared_runs([("a", {"": NEW}), ("b", {"": NEW})], 0.05)
    assert (same.passed, same.p_value, same.items_needed) == (False, 1.0, None)


def test_what_has_nothing_in_common_is_said_to_have_none():
    for other, line in (
        ({"y": NEW}, "b: it has no task that a has too"),
        ({"x": {"one": True}}, "b: x: none of its 1 items is one that is decided in a, by id"),
        ({"x": {}}, "none of its 0 items"),
    ):
        with pytest.raises(BadInput, match=line):
            compared_runs([("a", {"x": OLD}), ("b", other)], 0.05)
    with pytest.raises(BadInput, match="decided in a"):
        compared_runs([("a", {"": dict.fromkeys(OLD)}), ("b", {"": NEW})], 0.05)
