import pytest

from schemas.answers import ANSWERS
from schemas.attempts import ATTEMPTS
from schemas.comparisons import PREFERENCES
from schemas.dropped import DROPPED
from schemas.inputs import GOLD
from schemas.manifest import ValidRows
from schemas.rewards import REWARDS
from schemas.selections import SELECTIONS
from schemas.sft_examples import SFT_EXAMPLES
from tasks.build import build
from tasks.mixing import counts, drawn


def play(draft, given, recipe, marks, more=None, cut=(), **changes):
    """`marks`: one (text, reward, valid) an attempt; `more`: what else build is given."""
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
        | {"finish_reason": "length" if text in cut else "stop", "checkpoint": "c"}
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
        | {"valid": valid, "invalid_reason": None, "answer_class": 0}
        for i, (_, _, valid) in enumerate(marks)
    ]
    rewards = [
        {"id": f"r{i}", "row_id": f"a{i}", "judge": "vote", "reward": reward}
        for i, (_, reward, _) in enumerate(marks)
    ]
    selection = {"id": "s", "question_id": "q", "verdict_id": "v", "question": "1+2", "answer": "3", "agreement": 0.6}
    build(
        draft,
        settings=recipe.build.model_copy(update=changes),
        checks=recipe.answers,
        **{
            "selections": given(SELECTIONS, [selection]),
            "attempts": given(ATTEMPTS, attempts),
            "rewards": given(REWARDS, rewards),
            "answers": given(ANSWERS, answers),
            **(more or {}),
        },
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


def test_an_attempt_that_was_cut_off_is_neither_chosen_nor_rejected_whoever_judged_it(draft, given, recipe):
    tables = play(draft, given, recipe, MARKS, cut=("x", "n"), pairs_per_question=9)
    assert [row["completion"] for row in tables["sft_examples"]] == ["y"]
    assert [(row["chosen"], row["rejected"]) for row in tables["preference_pairs"]] == [("y", "m")]


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


def test_where_pairs_are_read_a_verdict_that_gives_none_is_dropped_with_the_reason(draft, given, recipe):
    def dropped(marks, **changes):
        rows = play(draft, given, recipe, marks, {"reads_pairs": True}, **changes)["dropped"]
        return [(row["id"], row["table"], row["reason"]) for row in rows]

    alike = [("x", 1.0, True), ("y", 1.0, True)]
    assert "dropped" not in play(draft, given, recipe, alike), "examples alone need no difference"
    assert dropped(alike, pairs_per_question=4) == [("v", "verdicts", "unanimous")]
    assert dropped(alike, pairs="best_worst", pairs_per_question=1) == [("v", "verdicts", "no_difference")]
    assert dropped(MARKS, pairs_per_question=4) == []


def test_an_attempt_whose_check_timed_out_is_in_no_pair_and_neither_wins_nor_loses(draft, given, recipe):
    marks = [("x", 1.0, True), ("?", None, True), ("n", 0.0, True)]
    for pairs in ("correct_incorrect", "all_combinations"):
        rows = play(draft, given, recipe, marks, pairs=pairs, pairs_per_question=9)["preference_pairs"]
        assert [(row["chosen"], row["rejected"]) for row in rows] == [("x", "n")]
        assert rows[0]["chosen_winrate"] == (0.5 + 0.75 + 1) / 3


def test_without_selections_every_question_is_built_from_and_its_rewards_are_certain(draft, given, recipe):
    tables = play(draft, given, recipe, MARKS, {"selections": None, "reads_pairs": True}, pairs_per_question=1)
    assert {row["agreement"] for name in ("sft_examples", "preference_pairs") for row in tables[name]} == {1.0}
    assert sorted(row["completion"] for row in tables["sft_examples"]) == ["x", "y"]
    alike = [("x", 1.0, True), ("y", 1.0, True)]
    rows = play(draft, given, recipe, alike, {"selections": None, "reads_pairs": True})["dropped"]
    assert [(row["id"], row["table"], row["reason"]) for row in rows] == [("q", "questions", "unanimous")]


def test_without_answers_every_attempt_with_a_reward_is_built_from(draft, given, recipe):
    tables = play(draft, given, recipe, MARKS, {"answers": None}, pairs_per_question=9)
    assert {row["rejected"] for row in tables["preference_pairs"]} == {"n", "m", "cut"}


def test_best_against_worst_is_one_pair(draft, given, recipe):
    rows = play(draft, given, recipe, MARKS, pairs="best_worst", pairs_per_question=1)["preference_pairs"]
    assert [(row["chosen"], row["rejected"]) for row in rows] == [("x", "n")]


def gold(given, *solutions):
    rows = [
        {"id": f"gold-{i}", "question": f"{i}+1", "prompt": f"{i}+1=", "completion": text, "source_row": i}
        for i, text in enumerate(solutions)
    ]
    return given(GOLD, rows)


def test_gold_and_replayed_rows_have_their_shares_of_the_examples(draft, given, recipe):
    example = {"prompt": "p", "completion": "c", "agreement": 0.5, "question_id": "q0"}
    before = [example | {"id": f"s{i}", "attempt_id": f"a0{i}"} for i in range(4)]
    refused = {"id": "s3", "table": "sft_examples", "stage": "validate", "reason": "r"}
    more = {
        "gold": gold(given, "one", "two"),
        "replay": ValidRows(
            tables=(given(SFT_EXAMPLES, [*before, example | {"id": "s4", "attempt_id": None}]),),
            dropped=(given(DROPPED, [refused | {"figure": None, "threshold": None, "text": None}]),),
        ),
    }
    marks = [(f"x{i}", 1.0, True) for i in range(6)]
    rows = play(draft, given, recipe, marks, more, solutions_per_question=6, gold_share=0.3, replay_share=0.1)
    rows = rows["sft_examples"]
    from_gold = [row for row in rows if row["attempt_id"] is None]
    again = [row for row in rows if row["question_id"] == "q0"]
    assert (len(rows), len(from_gold), len(again)) == (10, 3, 1)
    assert {row["completion"] for row in from_gold} == {"one", "two"}, "each once before one is drawn again"
    assert again[0]["attempt_id"] in {"a00", "a01", "a02"}, "neither what was dropped nor gold of before"
    assert len({row["id"] for row in rows}) == 10
    once_more = play(draft, given, recipe, marks, more, solutions_per_question=6, gold_share=0.3, replay_share=0.1)
    assert once_more["sft_examples"] == rows


def test_an_example_that_gold_contradicts_is_dropped_and_gold_stays_unless_gold_contradicts_it(draft, given, recipe):
    def left(*solutions):
        rows = [
            {"id": f"gold-{i}", "question": "1+2", "prompt": prompt, "completion": text, "source_row": i}
            for i, (prompt, text) in enumerate(solutions)
        ]
        tables = play(draft, given, recipe, MARKS, {"gold": given(GOLD, rows)}, gold_share=0.5)
        dropped = [(row["table"], row["reason"], row["text"], row["parents"]) for row in tables.get("dropped", [])]
        return sorted(row["completion"] for row in tables["sft_examples"]), sorted(dropped)

    assert left((" 1+2 =", "=#4"), ("1+2=", "=#03")) == (["=#03", "=#4", "x", "y"], []), "its prompt is another one"
    assert left(("1+2= ", "=#3"), ("9=", "#9")) == (["#9", "=#3", "x", "y"], []), "the verdict says 3 too"
    gone = [("sft_examples", "contradicts", text, ["q", attempt]) for text, attempt in (("x", "a0"), ("y", "a2"))]
    assert left(("1+2= ", "=#4"), ("9=", "#9")) == (["#9", "=#4"], gone)
    both = [("sft_examples", "contradicts", text, [f"gold-{i}"]) for i, text in enumerate(("=#4", "=#5"))]
    assert left(("1+2=", "=#4"), (" 1+2=", "=#5")) == ([], both + gone)


def test_pairs_in_which_one_text_is_right_and_wrong_are_dropped(draft, given, recipe):
    marks = [("x", 1.0, True), ("n", 0.0, True), ("x", 0.0, True), ("y", 1.0, True)]
    tables = play(draft, given, recipe, marks, pairs_per_question=9)
    assert [(row["chosen"], row["rejected"]) for row in tables["preference_pairs"]] == [("y", "n")]
    assert {(row["table"], row["reason"]) for row in tables["dropped"]} == {("preference_pairs", "contradicts")}
    assert len(tables["dropped"]) == 2, "x over n, and y over x"


def test_shares_are_of_all_rows_and_without_rows_to_draw_from_there_are_none():
    assert counts(60, 0.3, 0.1) == [30, 10]
    assert counts(0, 0.5) == [0]
    assert drawn([], 5, seed=1) == []
    rows = [{"id": str(i)} for i in range(50)]
    assert drawn(rows, 20, seed=1) != drawn(rows, 20, seed=2)


def test_win_rates_are_those_of_a_judge_of_pairs_where_there_is_one(draft, given, recipe):
    pool = {("a0", "a1"): 0.8, ("a0", "a2"): 0.9, ("a1", "a2"): 0.7, ("a0", "a3"): None}
    rows = [
        {"id": f"p{i}", "attempt_id": one, "other_id": other, "chance": chance}
        for i, ((one, other), chance) in enumerate(pool.items())
    ]
    marks = [("x", 2.2 / 3, True), ("y", 1.4 / 3, True), ("z", 0.3, True)]
    more = {"selections": None, "preferences": given(PREFERENCES, rows)}
    pairs = play(draft, given, recipe, marks, more, pairs="best_worst", pairs_per_question=1)["preference_pairs"]
    told = [(row["chosen"], row["rejected"], row["pair_winrate"]) for row in pairs]
    assert told == [("x", "z", 0.9)]
    assert (pairs[0]["chosen_winrate"], pairs[0]["rejected_winrate"]) == (pytest.approx(2.2 / 3), pytest.approx(0.3))


def test_an_unlabelled_question_without_a_pair_is_dropped_as_what_it_is(draft, given, recipe):
    attempts = [
        {
            "id": f"a{i}",
            "question_id": "unlabelled-1-0",
            "sample": i,
            "num_planned": 2,
            "prompt": "1+2=",
            "text": text,
        }
        | {"num_tokens": 2, "finish_reason": "stop", "checkpoint": "c"}
        for i, text in enumerate("xy")
    ]
    even = {"attempts": given(ATTEMPTS, attempts), "selections": None, "answers": None, "reads_pairs": True}
    rows = play(draft, given, recipe, [("x", 0.5, True), ("y", 0.5, True)], even, pairs="best_worst")["dropped"]
    assert [(row["table"], row["reason"]) for row in rows] == [("inputs/unlabelled", "no_difference")]
