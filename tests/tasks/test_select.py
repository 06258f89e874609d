import pytest

from schemas.inputs import BENCHMARK_ITEMS, PROBE
from schemas.questions import QUESTIONS
from schemas.settings import Contamination
from schemas.verdicts import VERDICTS
from tasks.select import select

APART = Contamination()


def verdict(question, votes, n=8, tied=False, answer="3"):
    found = {
        "votes": votes,
        "num_attempts": n,
        "num_planned": n,
        "num_valid": n,
        "agreement": votes / n,
        "agreement_valid": votes / n,
    }
    return {"id": f"v-{question}", "question_id": question, "classes": [], "undecided": 0, "tied": tied, **found} | {
        "answer": None if tied else answer
    }


APART = Contamination()


@pytest.fixture
def play(draft, given, recipe):
    def run(questions, verdicts, probe="zzz", benchmark="yyy", protection=APART, **changes):
        filled = {"proposal_id": "p", "item": 0, "nearest_score": 0.0, "nearest_id": None}
        rows = [{"id": i, "position": n, "question": text} | filled for n, (i, text) in enumerate(questions.items())]
        item = {
            "id": "b1",
            "benchmark": "bench",
            "sealed": True,
            "question": benchmark,
            "reference": "1",
            "source_row": 0,
        }
        figures = select(
            draft,
            settings=recipe.select.model_copy(update={"min_agreement": 0.25, "max_agreement": 0.75} | changes),
            checks=recipe.answers,
            protection=protection,
            questions=given(QUESTIONS, rows),
            verdicts=given(VERDICTS, verdicts),
            probe=given(PROBE, [{"id": "p1", "question": probe, "reference": "1", "source_row": 0}]),
            benchmark_items=given(BENCHMARK_ITEMS, [item]),
        )
        kept = sorted(draft.read(draft.tables()["selections"])["question_id"].to_pylist())
        return kept, draft.read(draft.tables()["dropped"]).to_pylist(), figures

    return run


def test_the_band_is_inclusive_at_both_ends(play):
    questions = {f"q{votes}": f"text {votes}" for votes in range(1, 9)}
    kept, dropped, figures = play(questions, [verdict(f"q{votes}", votes) for votes in range(1, 9)])
    assert kept == ["q2", "q3", "q4", "q5", "q6"]
    assert {row["id"]: (row["reason"], row["figure"], row["threshold"]) for row in dropped} == {
        "q1": ("below_band", 0.125, 0.25), "q7": ("above_band", 0.875, 0.75), "q8": ("above_band", 1.0, 0.75)
    }  # fmt: skip
    assert figures["band"] == {"below": 1 / 8, "in": 5 / 8, "above": 2 / 8, "no_verdict": 0}


@pytest.mark.parametrize(
    ("n", "low", "high", "votes"),
    [(16, 0.2, 0.8, range(4, 13)), (8, 0.2, 0.8, range(2, 7)), (10, 0.3, 0.8, range(3, 9))],  # SeRL, SeRL, R-Zero
)
def test_published_bands_keep_so_many_votes_of_so_many(play, n, low, high, votes):
    everything = {f"q{number:02}": f"text {number}" for number in range(1, n + 1)}
    verdicts = [verdict(f"q{number:02}", number, n) for number in range(1, n + 1)]
    kept, _, figures = play(everything, verdicts, min_agreement=low, max_agreement=high)
    assert kept == [f"q{number:02}" for number in votes]
    assert figures["band"]["in"] == len(votes) / n


def test_a_model_that_always_answers_the_same_wins_every_vote_and_is_above_the_band(play):
    kept, dropped, _ = play({"a": "one", "b": "two"}, [verdict("a", 8), verdict("b", 8)])
    assert (kept, {row["reason"] for row in dropped}) == ([], {"above_band"})


def test_a_tie_is_no_label_whatever_its_agreement(play):
    kept, dropped, figures = play({"q": "text"}, [verdict("q", 4, tied=True)])
    assert (kept, dropped[0]["reason"], figures["band"]["no_verdict"]) == ([], "tie", 1.0)


def test_caps_drop_what_was_admitted_last(play):
    questions, verdicts = {"a": "one", "b": "two", "c": "three"}, [verdict(q, 4) for q in "abc"]
    assert play(questions, verdicts, max_questions=2)[0] == ["a", "b"]
    different = [verdict(q, 4, answer=answer) for q, answer in zip("abc", "334", strict=True)]
    assert play(questions, different, max_per_answer=1)[0] == ["a", "c"]


def test_a_question_that_is_asked_twice_and_labelled_differently_is_dropped_whichever_is_right(play):
    asked = {"a": "What is 1 + 2?", "b": "what is  1 + 2?", "c": "What is 2 + 2?"}
    same = [verdict("a", 4), verdict("b", 6, answer="3.0"), verdict("c", 4, answer="4")]
    kept, dropped, figures = play(asked, same)
    assert (kept, dropped, set(figures)) == (["a", "b", "c"], [], {"band"})
    for votes in (6, 8):  # one that is off the band has a label all the same
        torn = [verdict("a", 4), verdict("b", votes, answer="5"), verdict("c", 4, answer="4")]
        kept, dropped, figures = play(asked, torn)
        reasons = {row["id"]: row["reason"] for row in dropped}
        assert (kept, reasons["a"], figures["contradicting"]) == (["c"], "contradicts", 2)
        assert reasons["b"] == ("contradicts" if votes == 6 else "above_band")
    assert play(asked, [verdict("a", 4), verdict("b", 4, tied=True), verdict("c", 4)])[0] == ["a", "c"]


LONG = "Tom has three red apples and gives one of them to his sister Ann before they both walk home from school."


@pytest.mark.parametrize(
    ("text", "against", "reason"),
    [
        ("  1+2+3+4 ", {"probe": "1+2+3+4"}, "contaminated_exact"),
        ("1+2+3+4", {"benchmark": "1+2+3+4"}, "contaminated_exact"),
        ("Long ago " + LONG, {"benchmark": LONG}, "contaminated_ngram"),
        (
            LONG.replace("three", "four").replace("Ann", "Eve").replace("home", "back"),
            {"probe": LONG},
            "contaminated_near",
        ),
    ],
)
def test_what_repeats_a_probe_or_benchmark_row_sealed_or_not_is_dropped_and_reported(
    play, draft, text, against, reason
):
    kept, dropped, _ = play(
        {"q": text, "clean": "5+5+5+5"}, [verdict("q", 4), verdict("clean", 4)],
        protection=Contamination(ngram=13, near=0.7), **against,
    )  # fmt: skip
    assert kept == ["clean"]
    assert dropped[0]["reason"] == reason
    (hit,) = draft.read(draft.tables()["contamination"]).to_pylist()
    assert (hit["row_id"], hit["set_name"]) == ("q", "probe" if "probe" in against else "bench")


def test_the_top_share_is_those_of_the_highest_agreement_in_the_band_and_all_that_equal_the_last(play):
    questions = {f"q{n}": f"text {n}" for n in range(6)}
    verdicts = [verdict(f"q{n}", votes) for n, votes in enumerate((8, 6, 4, 4, 3, 1))]
    kept, dropped, _ = play(questions, verdicts, top_share=0.5)
    assert kept == ["q1", "q2", "q3"]
    refused = {row["id"]: (row["reason"], row["figure"], row["threshold"]) for row in dropped}
    assert refused["q4"] == ("below_top_share", 3 / 8, 4 / 8)
    assert (refused["q0"][0], refused["q5"][0]) == ("above_band", "below_band")


def test_a_majority_too_small_for_a_label_is_named(play):
    kept, dropped, figures = play({"a": "one"}, [verdict("a", 4, answer=None)])
    assert (kept, dropped[0]["reason"], dropped[0]["figure"]) == ([], "below_min_share", 4 / 8)
    assert figures["band"]["no_verdict"] == 1
