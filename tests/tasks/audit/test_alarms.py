import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alarms import Alarms, Measured
from schemas.answers import ANSWERS
from schemas.dropped import DROPPED
from schemas.verdicts import VERDICTS
from tasks.audit.alarms import (
    answer_entropy,
    distinct_2,
    drop_shares,
    findings,
    mean_reward,
    near_duplicate_share,
    read_from_prose_share,
    same_answer_share,
    unanimous_share,
)
from tasks.checks.vote import vote

VOTES = st.lists(st.lists(st.sampled_from(["1", "2", "3", None]), min_size=1, max_size=9), max_size=12)
TEXTS = st.lists(st.text("ab +é", max_size=12), max_size=8)


def verdicts(*groups, rule="classes"):
    """The table of real votes on these groups of answers."""
    rows = []
    for number, answers in enumerate(groups):
        v = vote(answers, rule)
        classes = [{"answer": form, "count": count} for form, count in v.classes]
        rows.append(
            {"id": f"verdicts-{number:03}", "question_id": f"q{number}", "answer": v.answer, "votes": v.votes}
            | {"num_attempts": v.num_attempts, "num_planned": v.num_attempts, "num_valid": v.num_valid}
            | {"agreement": v.agreement, "agreement_valid": v.agreement_valid, "classes": classes}
            | {"tied": v.tied, "undecided": v.undecided}
        )
    return pa.Table.from_pylist(rows, schema=VERDICTS.schema)


def dropped(**reasons):
    rows = [
        {"id": f"x-{reason}-{i}", "table": "questions", "stage": "s", "reason": reason}
        | {"figure": None, "threshold": None, "text": None}
        for reason, count in reasons.items()
        for i in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=DROPPED.schema)


def column(*values):
    return pa.chunked_array([pa.array(values, pa.string())])


def measured(round=2, right=80, decided=100, **changes):
    figures = dict.fromkeys(
        ("unanimous", "answer_entropy", "same_answer", "distinct_2", "near_duplicates", "mean_tokens", "reward")
    )
    return Measured(
        round=round, probe="p", probe_right=right, probe_decided=decided, **figures | {"dropped": {}} | changes
    )


def figure_of(name, now, *earlier):
    return next(f for f in findings(now, earlier) if f.name == name)


def test_the_reward_is_the_share_of_agreeing_attempts_and_none_without_a_verdict():
    table = verdicts(["7", "7", "7", "8"], ["7", "8"], [None, None], ["7", None])
    assert mean_reward(table) == pytest.approx((0.75 + 0 + 0 + 0.5) / 4)


def test_a_group_is_unanimous_if_every_attempt_agrees_invalid_ones_included():
    assert unanimous_share(verdicts(["7", "7"], ["7", "8"], ["7", None], ["9"])) == 0.5


def test_the_entropy_of_answers_is_shannons_over_its_greatest():
    halves, thirds = verdicts(["7", "7", "8", "8"]), verdicts(["7", "7", "8"])
    assert answer_entropy(halves) == pytest.approx(math.log(2) / math.log(4))
    of_thirds = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(3)
    assert answer_entropy(thirds) == pytest.approx(of_thirds)
    assert answer_entropy(verdicts(["1", "2", "3", None])) == pytest.approx(1.0), "an invalid attempt has no answer"
    both = verdicts(["7", "7", "8", "8"], ["7", "7", "8"], ["7", "7"], ["7", None])
    assert answer_entropy(both) == pytest.approx((0.5 + of_thirds + 0) / 3), "one answer alone says nothing"


def test_answers_outside_the_pivots_class_are_answers_of_their_own():
    table = verdicts(["7", "7", "8", "9"], rule="serl_pivot")
    assert table["classes"].to_pylist() == [[{"answer": "7", "count": 2}]]
    assert answer_entropy(table) == pytest.approx((0.5 * math.log(2) + 0.5 * math.log(4)) / math.log(4))


def test_the_same_answer_is_counted_over_questions_each_weighing_the_same():
    table = verdicts(["7", "7", "8", "8"], ["7"], ["9", "9", None], [None])
    assert same_answer_share(table) == pytest.approx((0.5 + 1 + 0) / 3)
    assert same_answer_share(verdicts(["7", "7"], [None])) is None, "one question is not many"


def test_answers_read_from_prose_are_counted_over_the_attempts_that_voted():
    sources = [
        ("last_number", True),
        ("boxed", True),
        ("formula", True),
        ("last_number", True),
        ("last_number", False),
    ]
    rows = [
        {"id": f"a{i}", "attempt_id": f"t{i}", "question_id": "q", "answer": "7", "canonical": "7", "source": source}
        | {"valid": valid, "invalid_reason": None, "answer_class": 0, "reward": None}
        for i, (source, valid) in enumerate(sources)
    ]
    assert read_from_prose_share(pa.Table.from_pylist(rows, schema=ANSWERS.schema)) == 2 / 4
    assert read_from_prose_share(pa.Table.from_pylist([], schema=ANSWERS.schema)) is None


def test_distinct_2_counts_word_pairs_on_equally_many_of_both_sides():
    assert distinct_2(["a b a b a"], ["a b c d e"]) == 2 / 4
    assert distinct_2(["a b c"], ["a a a a", "b b"]) == 2 / 1, "the first two pairs of the seeds are one"
    assert distinct_2(["3+5", "3+5"], ["1+2", "3+4"]) == 2 / 4, "signs are words; no pair spans two texts"
    assert distinct_2(["Wo"], ["a b"]) is None


def test_near_duplicates_are_those_refused_as_not_new_and_repeats_that_were_let_in():
    assert near_duplicate_share(column("a", "b", "b"), dropped(not_new=2, tie=5, surplus=9)) == 3 / 5
    assert near_duplicate_share(column(), dropped(tie=1)) is None


def test_shares_of_drops_are_of_all_rows_that_were_looked_at():
    table = dropped(pattern=2, surplus=90, tie=1)
    written = column("x-tie-0", "kept-1")  # the tie was dropped after it was written
    assert drop_shares(table, {"questions": written}) == {"questions.pattern": 2 / 4, "questions.tie": 1 / 4}
    assert drop_shares(dropped(), {}) == {}


@given(VOTES)
def test_figures_of_votes_are_shares_and_agree_on_a_collapse(groups):
    table = verdicts(*groups)
    figures = [f(table) for f in (mean_reward, unanimous_share, answer_entropy, same_answer_share)]
    assert all(figure is None or -1e-9 <= figure <= 1 + 1e-9 for figure in figures)
    reward, unanimous, entropy, same = figures
    if unanimous == 1:
        assert reward == 1 and entropy in (0, None)
    if same == 1:
        assert entropy in (0, None)


@given(TEXTS, TEXTS)
def test_distinct_2_of_a_text_against_itself_is_one_and_swaps_to_its_inverse(questions, seeds):
    ratio, inverse = distinct_2(questions, seeds), distinct_2(seeds, questions)
    assert (ratio is None) == (inverse is None)
    assert ratio is None or ratio * inverse == pytest.approx(1)
    assert distinct_2(questions, questions) in (None, 1.0)


def test_vote_precision_is_held_by_the_upper_end_of_its_interval():
    found = figure_of("vote_precision", measured(right=81, decided=263))
    assert round(found.figure, 4) == 0.3662  # Newcombe 1998, table I
    assert "right on 81 of 263 probe rows" in found.words
    assert figure_of("vote_precision", measured(right=0, decided=3)).figure > 0.5, "three rows show nothing"
    assert figure_of("vote_precision", measured(right=0, decided=0)).figure is None


def test_reward_hacking_is_a_shown_fall_of_precision_with_a_higher_reward():
    then = measured(round=1, right=56, decided=70, reward=0.4)
    found = figure_of("reward_hacking", measured(right=48, decided=80, reward=0.5), then)
    assert found.figure == pytest.approx(0.0524, abs=1e-4)  # Newcombe 1998, table II (a), method 10
    assert "80.0% -> 60.0% since round 1, while the reward rose 40.0% -> 50.0%" in found.words


def test_reward_hacking_looks_at_every_earlier_round_of_the_same_probe_with_a_lower_reward():
    now = measured(round=4, right=60, reward=0.5)
    best, lower = measured(round=1, right=90, reward=0.4), measured(round=2, right=70, reward=0.3)
    alone, both = figure_of("reward_hacking", now, best), figure_of("reward_hacking", now, lower, best)
    assert "round 1" in both.words
    assert 0 < both.figure < alone.figure, "the best of many was lucky: its interval is wider"
    for other in (
        best.model_copy(update={"reward": 0.5}),
        best.model_copy(update={"reward": None}),
        best.model_copy(update={"probe": "another"}),
        best.model_copy(update={"probe_decided": 0, "probe_right": 0}),
    ):
        assert figure_of("reward_hacking", now, other).figure is None
    assert (
        figure_of(
            "reward_hacking", measured(right=75, reward=0.5), best.model_copy(update={"probe_right": 78})
        ).figure
        < 0
    )


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1), st.floats(0, 1))
def test_a_precision_that_did_not_fall_is_never_reward_hacking(right, fewer, before, after):
    then = measured(round=1, right=min(right, fewer), decided=60, reward=before)
    figure = figure_of("reward_hacking", measured(right=right, decided=60, reward=after), then).figure
    assert figure is None or figure <= 1e-9


def test_length_drift_is_held_against_the_median_of_earlier_rounds_and_is_symmetric():
    earlier = [measured(mean_tokens=tokens) for tokens in (30.0, 40.0, 400.0, None)]
    assert figure_of("length_drift", measured(mean_tokens=80.0), *earlier).figure == 0.5
    assert figure_of("length_drift", measured(mean_tokens=20.0), *earlier).figure == 0.5
    assert figure_of("length_drift", measured(mean_tokens=40.0), *earlier).figure == 0
    assert figure_of("length_drift", measured(mean_tokens=40.0)).figure is None


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
def test_length_drift_is_a_share(now, earlier):
    rounds = [measured(mean_tokens=tokens) for tokens in earlier]
    assert 0 <= figure_of("length_drift", measured(mean_tokens=now), *rounds).figure <= 1


def test_the_largest_share_of_drops_is_named_and_a_cap_is_no_fault():
    shares = {"questions.over_cap": 0.9, "questions.tie": 0.4, "inputs/seeds.contaminated_exact": 0.1}
    found = figure_of("dropped", measured(dropped=shares))
    assert (found.figure, "(questions.tie)" in found.words) == (0.4, True)
    assert figure_of("dropped", measured(dropped={"questions.over_cap": 0.9})).figure is None


def test_there_is_a_finding_for_every_rule_of_the_recipe_in_its_order():
    assert [found.name for found in findings(measured(), [])] == list(Alarms.model_fields)
