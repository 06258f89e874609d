"""What `why` replays of a stage's rules: what the stage kept counts, not what the rules would say today."""

import pytest

from tasks.rules import Rule, first_refusal, replayed

SETTINGS = {
    "settings": {"min_agreement": 0.5, "max_agreement": 0.9},
    "protection": {"ngram": None, "near": None},
}
CAPS = {"solutions_per_question": 2, "pairs_per_question": 3}
VERDICT = {"agreement": 0.4, "num_valid": 4, "tied": False, "answer": "3"}


def outcomes(stage, settings, rows, refusals=()):
    return {each["filter"]: each["outcome"] for each in replayed(stage, settings, rows, refusals)}


def test_the_first_rule_that_refuses_counts_and_none_behind_it_is_tried():
    def rules():
        yield Rule("first")
        yield Rule("second", 1, 2, "dropped")
        raise AssertionError("it was refused before")

    assert first_refusal(rules()) == ("second", 1, 2, "dropped")


def test_a_kept_refusal_stands_where_its_rule_stands_and_those_behind_it_have_no_figure():
    refusal = {"reason": "below_band", "figure": 0.4, "threshold": 0.5}
    told = list(replayed("select", SETTINGS, {"verdicts": [VERDICT]}, [refusal]))
    assert [(each["filter"], each["outcome"]) for each in told] == [
        ("contaminated_exact", "passed"), ("tie", "passed"), ("no_valid_answer", "passed"),
        ("below_band", "dropped"), ("above_band", "not tried"),
        ("contradicts", "not tried"),
    ]  # fmt: skip
    assert [each["figure"] for each in told[-3:]] == [0.4, None, None]


def test_what_the_stage_let_pass_has_passed_whatever_the_rules_say_today():
    assert set(outcomes("select", SETTINGS, {"verdicts": [VERDICT]}).values()) == {"passed"}


def test_a_cap_says_how_many_there_were():
    answers = [{"attempt_id": f"a{n}", "valid": True} for n in range(4)]
    rewards = [{"row_id": f"a{n}", "reward": float(n > 0)} for n in range(4)]
    attempts = [{"id": f"a{n}", "text": f"{n}"} for n in range(4)]
    rows = {"answers": answers, "rewards": rewards, "attempts": attempts, "selections": [{"id": "s"}]}
    told = list(replayed("build", {"settings": CAPS}, rows, []))
    assert [(each["filter"], each["figure"], each["outcome"]) for each in told] == [
        ("solutions_per_question", 3, "capped"), ("pairs_per_question", 3, "passed"),
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["solve", "../select", "__init__", "", "nobody_knows_it"])
def test_a_stage_without_rules_has_none_to_tell(stage):
    assert outcomes(stage, {}, {}) == {}


def test_settings_and_rows_of_another_version_tell_nothing():
    assert outcomes("select", {"band": 1}, {"verdicts": [VERDICT]}) == {}
    assert outcomes("select", SETTINGS, {"verdicts": [{}]}) == {}
