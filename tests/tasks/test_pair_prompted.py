import pytest

from schemas.attempts import ATTEMPTS
from schemas.inputs import PROBE, UNLABELLED
from schemas.prompting import PairPrompted
from tasks.pair_prompted import pair_prompted
from tasks.prompts import load_prompt

SUMS = [f"{i}+{j}" for i in range(1, 10) for j in range(1, 10)]


def total(question):
    return sum(map(int, question.split("+")))


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    def attempts(questions, states, finish_reason="stop"):
        return [
            {"id": f"{states.__name__}-{q}-{i}", "question_id": q, "sample": i, "num_planned": 2, "prompt": "x"}
            | {"text": f"#{states(q, i)}", "num_tokens": 2, "finish_reason": finish_reason, "checkpoint": "c"}
            for q in questions
            for i in range(2)
        ]

    def run(better, worse, closeness=0.0, finish_reason="stop"):
        new, probe = SUMS[:60], SUMS[60:]
        known = [{"id": q, "question": q, "source_row": i, "reference": str(total(q))} for i, q in enumerate(probe)]
        figures = pair_prompted(
            draft, settings=PairPrompted(closeness=(closeness,)), checks=recipe.answers, round=1,
            plain=load_prompt("solve_sums", tmp_path), base=tiny,
            unlabelled=given(UNLABELLED, [{"id": q, "question": q, "source_row": i} for i, q in enumerate(new)]),
            probe=given(PROBE, known), better=given(ATTEMPTS, attempts(SUMS, better)),
            worse=given(ATTEMPTS, attempts(SUMS, worse, finish_reason)),
        )  # fmt: skip
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def right(question, sample):
    return total(question)


def wrong(question, sample):
    return total(question) + 1


def a_coin(question, sample):
    """Right or wrong, and one as often as the other."""
    return total(question) + (hash_of(question) + sample) % 2


def hash_of(question):
    return sum(map(ord, question))


def test_a_pair_is_an_answer_under_each_prompt_on_the_plain_one(play):
    figures, tables = play(right, wrong)
    assert len(tables["preference_pairs"]) == 60
    for pair in tables["preference_pairs"]:
        assert (pair["chosen_attempt_id"], pair["rejected_attempt_id"]) == (
            f"right-{pair['question_id']}-0", f"wrong-{pair['question_id']}-0",
        )  # fmt: skip
        assert pair["prompt"] == f"{pair['question_id']}=\n"
    assert (figures["precision"]["accuracy"], figures["precision"]["n"]) == (1.0, 21)


def test_closeness_is_the_share_of_pairs_under_one_prompt_round_by_round(play):
    assert [PairPrompted(closeness=(0.0, 0.5, 1.0)).of_round(number) for number in (1, 2, 3, 9)] == [0, 0.5, 1, 1]
    figures, tables = play(a_coin, wrong, 0.5)
    near = [row for row in tables["preference_pairs"] if row["rejected_attempt_id"].startswith("a_coin")]
    assert len(near) == figures["under_one_prompt"] and 20 < len(near) < 40


def test_under_one_prompt_neither_answer_is_better(play):
    figures, _ = play(a_coin, wrong, 1.0)
    assert figures["under_one_prompt"] == 60 and 0.3 < figures["precision"]["accuracy"] < 0.7


def test_prompts_that_do_the_opposite_are_told_by_the_precision(play):
    figures, _ = play(wrong, right)
    assert (figures["precision"]["accuracy"], figures["precision"]["high"]) == (0.0, pytest.approx(0.155, abs=0.001))


def test_what_repeats_itself_or_was_cut_off_gives_no_pair_and_is_counted(play):
    assert play(right, right)[0]["without_pairs"] == {"same_text": 60}


def test_answers_that_were_cut_off_are_in_no_pair(play):
    assert play(right, wrong, finish_reason="length")[0]["without_pairs"] == {"unanswered": 60}
