"""What a stage is given, by the names of its parameters."""

import pytest

from flows.bound import bound
from schemas.errors import BadInput
from schemas.manifest import StageRecord, TableRef


def ref(table, path="p"):
    return TableRef(table=table, path=path, rows=0, digest="d", files={})


def record(*tables):
    return StageRecord.model_construct(tables={name: ref(name, f"of-{name}") for name in tables})


def label(draft, *, settings, solver, attempts, probe=None, wave=0):
    pass


AMBIENT = {"settings": "the section", "solver": "who speaks", "round": 3}


def test_tables_settings_and_roles_go_to_the_parameters_of_their_names():
    found = bound(label, [record("attempts", "dropped"), ref("inputs/probe")], {"wave": 2}, AMBIENT)
    assert found == {
        "settings": "the section", "solver": "who speaks", "attempts": ref("attempts", "of-attempts"),
        "probe": ref("inputs/probe"), "wave": 2,
    }  # fmt: skip


def test_what_is_passed_by_keyword_comes_before_all_else():
    found = bound(label, [record("attempts"), record("attempts")], {"attempts": 1, "settings": 2}, AMBIENT)
    assert (found["attempts"], found["settings"]) == (1, 2)


def test_what_has_a_default_may_be_left_out():
    assert "probe" not in bound(label, [record("attempts")], {}, AMBIENT)


@pytest.mark.parametrize(
    ("given", "named", "told"),
    [
        ([record("questions"), ref("inputs/probe")], {}, "label: needs attempts; it is given probe, questions"),
        ([], {}, "label: needs attempts; it is given no table"),
        ([record("attempts")] * 2, {}, "label: it is given attempts more than once; pass one by keyword"),
        ([record("attempts")], {"prob": 1}, "label: has no input prob"),
    ],
)  # fmt: skip
def test_what_is_missing_or_could_be_two_things_is_one_line(given, named, told):
    with pytest.raises(BadInput, match=f"^{told}$"):
        bound(label, given, named, AMBIENT)
