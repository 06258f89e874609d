"""The answer-consistency filter, in the paper's own small case, and what it does not see."""

import pytest

from schemas.answer_keys import ANSWER_KEYS
from schemas.posing import Consistent
from schemas.questions import QUESTIONS
from schemas.settings import Answers
from schemas.verdicts import VERDICTS
from tasks.checks.vote import vote
from tasks.rules import replayed
from tasks.select_consistent import select_consistent


@pytest.fixture
def play(draft, given):
    def run(asked, most=0.9):
        """Question -> its own answer and what the attempts say (None: nobody was asked)."""
        questions = [
            {"id": q, "proposal_id": "p", "item": 0, "position": i, "question": q, "nearest_score": 0.0}
            for i, q in enumerate(asked)
        ]
        keys = [{"id": f"k{q}", "question_id": q, "answer": key} for q, (key, _) in asked.items()]
        verdicts = []
        for q, said in ((q, said) for q, (_, said) in asked.items() if said is not None):
            found = vote(said, "classes", None)
            told = {name: getattr(found, name) for name in ("answer", "votes", "num_attempts", "num_valid", "tied")}
            told |= {"agreement": found.agreement, "agreement_valid": found.agreement_valid, "undecided": 0}
            verdicts.append({"id": f"v{q}", "question_id": q, "num_planned": len(said), "classes": []} | told)
        figures = select_consistent(
            draft, settings=Consistent(max_agreement=most), checks=Answers(equivalence="canonical"),
            questions=given(QUESTIONS, questions), answer_keys=given(ANSWER_KEYS, keys),
            verdicts=given(VERDICTS, verdicts),
        )  # fmt: skip
        tables = {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}
        kept = {row["question_id"]: (row["answer"], row["agreement"]) for row in tables["selections"]}
        return figures, kept, {row["id"]: row["reason"] for row in tables["dropped"]}

    return run


def test_answers_4_4_4_5_keep_the_target_4_and_drop_the_target_5(play):
    figures, kept, dropped = play({"a": ("4", ["4", "4", "4", "5"]), "b": ("5", ["4", "4", "4", "5"])})
    assert (kept, dropped, figures["consistent"]) == ({"a": ("4", 0.75)}, {"b": "other_answer"}, 0.5)


def test_a_tie_has_no_majority_though_the_target_is_among_the_tied(play):
    _, kept, dropped = play({"a": ("4", ["4", "5", "4", "5"]), "b": ("4", [None, None]), "c": ("4", None)})
    assert (kept, dropped) == ({}, {"a": "tie", "b": "no_valid_answer", "c": "unanswered"})


def test_a_target_is_compared_by_its_value(play):
    assert play({"a": ("4.0", ["4", "4", "5"])})[1] == {"a": ("4.0", pytest.approx(2 / 3))}


def test_consistency_keeps_what_is_easy_and_the_upper_bound_drops_it(play):
    """The failure mode: target and attempts are the same model's, and agree most where nothing is to be learnt."""
    easy = {"easy": ("4", ["4"] * 8), "hard": ("4", ["4"] * 5 + ["5"] * 3)}
    assert play(easy, most=1.0)[1].keys() == {"easy", "hard"}


def test_the_upper_bound_drops_it_with_its_reason_and_why_replays_it(play):
    easy = {"easy": ("4", ["4"] * 8), "hard": ("4", ["4"] * 5 + ["5"] * 3)}
    assert play(easy)[1:] == ({"hard": ("4", 0.625)}, {"easy": "above_band"})
    verdict = {"agreement": 1.0, "tied": False, "num_valid": 8, "answer": "4"}
    refusal = {"reason": "above_band", "figure": 1.0, "threshold": 0.9}
    told = list(
        replayed("select_consistent", {"settings": {"max_agreement": 0.9}}, {"verdicts": [verdict]}, [refusal])
    )
    assert [(row["filter"], row["outcome"]) for row in told] == [
        ("tie", "passed"), ("no_valid_answer", "passed"), ("undecided", "passed"), ("other_answer", "passed"),
        ("above_band", "dropped"),
    ]  # fmt: skip
