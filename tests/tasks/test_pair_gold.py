import pytest

from schemas.attempts import ATTEMPTS
from schemas.inputs import GOLD
from schemas.settings import Answers, PairGold
from tasks.pair_gold import pair_gold


@pytest.fixture
def play(draft, given):
    """`asked`: a gold solution, and what the model answered to its question."""

    def run(*asked, pairs_per_question=2, prompts=(), items=None):
        prompts = prompts or [f"{i}+1=" for i in range(len(asked))]
        gold = [
            {"id": f"gold-{i}", "question": f"{i}+1", "prompt": prompts[i], "completion": text, "source_row": i}
            for i, (text, _) in enumerate(asked)
        ]
        shape = {"num_planned": 4, "num_tokens": 2, "finish_reason": "stop", "checkpoint": "c"}
        attempts = [
            {"id": f"own-{i}-{j}", "question_id": f"gold-{i}", "sample": j, "prompt": f"{i}+1=", "text": text} | shape
            for i, (_, texts) in enumerate(asked)
            for j, text in enumerate(texts)
        ]
        figures = pair_gold(
            draft,
            settings=PairGold(pairs_per_question=pairs_per_question),
            gold=given(GOLD, gold),
            attempts=given(ATTEMPTS, attempts),
            items=items,
        )
        tables = {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}
        return figures, tables["preference_pairs"], tables["dropped"]

    return run


def test_gold_stands_against_the_models_own_attempts_but_for_copies_of_it(play):
    _, rows, _ = play(("right", ["right ", "a", "a", "b", "c"]), ("same", ["same"]))
    assert sorted((row["chosen"], row["rejected"], row["question_id"]) for row in rows) == [
        ("right", "a", "gold-0"),
        ("right", "b", "gold-0"),
    ]
    assert {(row["prompt"], row["chosen_attempt_id"], row["chosen_winrate"]) for row in rows} == {("0+1=", None, 1.0)}
    assert {row["rejected_attempt_id"] for row in rows} == {"own-0-1", "own-0-3"}


def test_a_gold_row_that_the_model_repeats_is_counted_and_dropped_with_its_reason(play):
    figures, rows, (dropped,) = play(("same", ["same", " same"]))
    assert rows == []
    assert figures == {"preference_pairs": 0, "without_pairs": {"same_text": 1}}
    assert (dropped["id"], dropped["table"], dropped["reason"]) == ("gold-0", "inputs/gold", "same_text")


def test_a_pair_that_rejects_another_solution_of_the_same_question_is_dropped(play):
    asked = ("one", ["two", "a"]), ("two", ["one", "b"])
    figures, rows, dropped = play(*asked, prompts=["What is it?", "what  is it?"])
    assert {(row["chosen"], row["rejected"]) for row in rows} == {("one", "a"), ("two", "b")}
    assert figures == {"preference_pairs": 2, "without_pairs": {}, "contradicting": 2}
    assert {(row["reason"], tuple(row["parents"])) for row in dropped} == {
        ("contradicts", ("gold-0", "own-0-0")), ("contradicts", ("gold-1", "own-1-0")),
    }  # fmt: skip
    assert play(*asked)[0]["preference_pairs"] == 4, "of two questions they contradict nothing"


def test_items_are_compared_and_not_the_texts_that_name_them(play):
    items = Answers(equivalence="canonical", pattern=r"#(\d\d)$")
    asked = ("#32", ["so #32", "1+1\n#31", "#45"]), ("#11", ["well, #11"]), ("#12", ["1", "#123"])
    figures, (pair, other), dropped = play(*asked, items=items)
    assert {row["rejected"] for row in (pair, other)} == {"1+1\n#31", "#45"}
    assert figures == {"preference_pairs": 2, "without_pairs": {"no_item": 1, "same_item": 1}}
    assert {(row["id"], row["reason"]) for row in dropped} == {("gold-1", "same_item"), ("gold-2", "no_item")}
