from schemas.losses import Policy
from schemas.settings import Answers
from tasks import solve
from tasks.store.keys import code_of, stage_key

PARTS = {"inputs": {"model": "abc"}, "settings": {"n": 8}, "code": "c", "versions": {"torch": "2"}}


def test_equal_parts_in_any_order_give_one_key_and_any_change_another():
    key = stage_key("solve", **PARTS)
    assert key == stage_key("solve", **dict(reversed(PARTS.items())))
    changes = [{"inputs": {"model": "abd"}}, {"settings": {"n": 9}}, {"code": "d"}, {"versions": {"torch": "3"}}]
    others = {stage_key("solve", **PARTS | change) for change in changes} | {stage_key("judge", **PARTS)}
    assert len(others) == 5
    assert key not in others


def test_the_code_of_a_stage_is_sixteen_digits_and_the_libraries_versions():
    code, versions = code_of(solve.solve)
    assert len(code) == 16
    assert versions["torch"].startswith("2.")
    assert "pydantic" not in versions


def test_the_class_of_what_a_stage_is_given_is_its_code_too():
    assert code_of(solve.solve, Answers) == code_of(solve.solve)  # it names that class already
    assert code_of(solve.solve, Policy) != code_of(solve.solve)
