import math

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.answers import ANSWERS
from schemas.dropped import DROPPED
from schemas.verdicts import VERDICTS
from tasks.audit.figures import (
    answer_entropy,
    distinct_2,
    drop_shares,
    mean_reward,
    near_duplicate_share,
    other_tokens_share,
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


def test_attempts_of_other_tokens_are_counted_over_those_whose_tokens_are_known():
    known = pa.table({"same_tokens": pa.array([True, None, False, True, True, None], pa.bool_())})
    assert other_tokens_share(known) == 1 / 4
    assert other_tokens_share(known.filter(pc.is_null(known["same_tokens"]))) is None


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
        | {"valid": valid, "invalid_reason": None, "answer_class": 0}
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
