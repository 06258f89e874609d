from schemas.answers import ANSWERS
from schemas.attempts import ATTEMPTS
from schemas.selections import SELECTIONS
from tasks.build import build


def play(draft, given, recipe, marks, **changes):
    """`marks`: one (text, reward, valid) an attempt."""
    attempts = [
        {
            "id": f"a{i}",
            "question_id": "q",
            "sample": i,
            "num_planned": 6,
            "prompt": "1+2=",
            "text": text,
            "num_tokens": 2,
        }
        | {"finish_reason": "stop", "checkpoint": "c"}
        for i, (text, _, _) in enumerate(marks)
    ]
    answers = [
        {
            "id": f"w{i}",
            "attempt_id": f"a{i}",
            "question_id": "q",
            "answer": "3",
            "canonical": "3",
            "source": "pattern",
        }
        | {"valid": valid, "invalid_reason": None, "answer_class": 0, "reward": reward}
        for i, (_, reward, valid) in enumerate(marks)
    ]
    selection = {"id": "s", "question_id": "q", "verdict_id": "v", "text": "1+2", "answer": "3", "agreement": 0.6}
    build(
        draft,
        settings=recipe.build.model_copy(update=changes),
        selections=given(SELECTIONS, [selection]),
        attempts=given(ATTEMPTS, attempts),
        answers=given(ANSWERS, answers),
    )
    return {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}


MARKS = [
    ("x", 1.0, True),
    ("x", 1.0, True),
    ("y", 1.0, True),
    ("n", 0.0, True),
    ("m", 0.0, True),
    ("cut", 0.0, False),
]


def test_distinct_agreeing_attempts_become_examples_first_sampled_first(draft, given, recipe):
    rows = play(draft, given, recipe, MARKS)["sft_examples"]
    assert sorted((row["completion"], row["attempt_id"]) for row in rows) == [("x", "a0"), ("y", "a2")]
    assert all(row["prompt"] == "1+2=" for row in rows)


def test_the_caps_hold(draft, given, recipe):
    tables = play(draft, given, recipe, MARKS, solutions_per_question=1, pairs_per_question=1)
    assert [row["completion"] for row in tables["sft_examples"]] == ["x"]
    assert [(row["chosen"], row["rejected"]) for row in tables["preference_pairs"]] == [("x", "n")]


def test_pairs_are_agreeing_against_valid_disagreeing_attempts_each_pair_once(draft, given, recipe):
    rows = play(draft, given, recipe, MARKS, pairs_per_question=9)["preference_pairs"]
    assert sorted((row["chosen"], row["rejected"]) for row in rows) == [
        ("x", "m"),
        ("x", "n"),
        ("y", "m"),
        ("y", "n"),
    ]


def test_the_first_pairs_share_no_attempt(draft, given, recipe):
    rows = play(draft, given, recipe, MARKS, pairs_per_question=2)["preference_pairs"]
    assert sorted((row["chosen"], row["rejected"]) for row in rows) == [("x", "n"), ("y", "m")]


def test_a_unanimous_question_gives_examples_and_no_pairs(draft, given, recipe):
    tables = play(draft, given, recipe, [("x", 1.0, True), ("y", 1.0, True)], pairs_per_question=4)
    assert (len(tables["sft_examples"]), len(tables["preference_pairs"])) == (2, 0)
