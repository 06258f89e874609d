import pytest

from schemas.answer_keys import ANSWER_KEYS
from schemas.attempts import ATTEMPTS
from tasks.check import check


def attempt(question, sample, text, **changes):
    return {
        "id": f"{question}-{sample}", "question_id": question, "sample": sample, "num_planned": 3, "prompt": "?",
        "text": text, "num_tokens": 3, "finish_reason": "stop", "checkpoint": "c", "verified": True,
    } | changes  # fmt: skip


@pytest.fixture
def play(draft, given, recipe):
    def run(rows, keys, **changes):
        written = [{"id": f"k-{question}", "question_id": question, "answer": key} for question, key in keys.items()]
        figures = check(
            draft,
            checks=recipe.answers.model_copy(update=changes),
            attempts=given(ATTEMPTS, rows),
            answer_keys=given(ANSWER_KEYS, written),
        )
        tables = {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}
        return figures, {row["row_id"]: row["reward"] for row in tables["rewards"]}, tables

    return run


def test_an_attempt_that_equals_the_key_is_right_and_any_other_is_wrong(play):
    rows = [attempt("q", 0, "#7"), attempt("q", 1, "3+4=8\n#8"), attempt("q", 2, "no idea")]
    figures, rewards, tables = play(rows, {"q": "7"})
    assert rewards == {"q-0": 1.0, "q-1": 0.0, "q-2": 0.0}
    assert {row["judge"] for row in tables["rewards"]} == {"reference"}
    assert figures == {"right": pytest.approx(1 / 3), "undecided": 0}


def test_a_key_is_compared_by_its_value(play):
    assert play([attempt("q", 0, "#7")], {"q": "7.0"})[1] == {"q-0": 1.0}


def test_an_attempt_that_was_cut_off_is_wrong_and_says_why(play):
    _, rewards, tables = play([attempt("q", 0, "#7", finish_reason="length")], {"q": "7"})
    assert rewards == {"q-0": 0.0}
    (answer,) = tables["answers"]
    assert (answer["answer"], answer["valid"], answer["invalid_reason"]) == ("7", False, "truncated")


def test_a_comparison_without_an_outcome_is_undecided_and_never_wrong(play):
    key = r"\lim_{n\to\infty} n^{1/n} \sum_{k=1}^{10^9} \frac{1}{k^3}"
    rows = [attempt("q", 0, r"\boxed{\int_0^1 e^{-x^2} \sin(x^3) dx}"), attempt("r", 0, r"\boxed{2}")]
    math = {"equivalence": "math", "pattern": None, "timeout_seconds": 0.001}
    figures, rewards, _ = play(rows, {"q": key, "r": "2"}, **math)
    assert rewards == {"q-0": None, "r-0": 1.0}
    assert figures == {"right": 1.0, "undecided": 1}


def test_attempts_at_questions_without_a_key_are_not_judged(play):
    _, rewards, _ = play([attempt("q", 0, "#7"), attempt("probe", 0, "#7")], {"q": "7"})
    assert set(rewards) == {"q-0"}


def test_without_attempts_there_is_no_share(play):
    assert play([], {"q": "7"})[0] == {"right": None, "undecided": 0}
