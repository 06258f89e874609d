from collections import Counter

import pytest

from schemas.errors import Damaged
from schemas.inputs import BENCHMARK_ITEMS
from schemas.manifest import CheckpointRef, Score
from tasks.engines.staged import unanswered
from tasks.evaluate import evaluate
from tasks.prompts import load_prompt
from tasks.roles import Role
from tasks.store.readings import readers

SUMS = [("1+2+3+4", "10"), ("2+2+2+2", "8"), ("1+1+1+1", "4"), ("5+1+2+1", "9"), ("1+2+1+2", "wrong on purpose")]


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    items = [
        {"id": f"i{i}", "benchmark": "sums", "sealed": False, "question": q, "reference": a, "source_row": i}
        for i, (q, a) in enumerate(SUMS)
    ]
    hidden = items[0] | {"id": "s", "benchmark": "sealed", "sealed": True}

    def run(sealed="", model=tiny, more=(), **changes):
        figures = evaluate(
            draft,
            settings=recipe.evaluate.model_copy(update=changes),
            checks=recipe.answers,
            solver=Role(recipe.engine, load_prompt("solve_sums", tmp_path), model),
            benchmark_items=given(BENCHMARK_ITEMS, [*items, hidden, *(items[0] | each for each in more)]),
            sealed=sealed,
        )
        return figures["scores"], draft.read(draft.tables()["evaluations"]).to_pylist()

    return run


def test_every_item_is_answered_and_marked_and_the_score_is_their_mean(play):
    scores, rows = play(num_samples=0)
    assert len(rows) == len(SUMS)
    assert {row["correct"] for row in rows if row["reference"] == "wrong on purpose"} == {False}
    score = Score.model_validate(scores["sums"])
    assert score.n == 5
    assert score.accuracy == sum(row["correct"] for row in rows) / 5
    assert score.low <= score.accuracy <= score.high
    assert score.accuracy >= 0.4, "the tiny model can add"


def test_mean_pass_and_majority_at_k_are_over_the_sampled_items(play):
    scores, rows = play(num_samples=4, sampled_items=3)
    sampled = [row for row in rows if not row["greedy"]]
    assert len({row["item_id"] for row in sampled}) == 3
    assert (scores["sums"]["k"], scores["sums"]["mean_n"]) == (4, 3)
    assert scores["sums"]["mean_at_k"] == pytest.approx(sum(row["correct"] for row in sampled) / 12)
    right = Counter(row["item_id"] for row in sampled if row["correct"])
    figures = Score.model_validate(scores["sums"]).sampled
    assert list(figures) == ["mean@4", "pass@2", "pass@4", "maj@4"]
    assert figures["pass@4"].accuracy == pytest.approx(len(right) / 3)
    assert figures["maj@4"].accuracy >= sum(count > 2 for count in right.values()) / 3
    assert figures["maj@4"].n == 3


def test_a_sealed_benchmark_is_not_touched(play, draft):
    scores, rows = play()
    assert list(scores) == ["sums"]
    assert {row["benchmark"] for row in rows} == {"sums"}
    assert readers(draft.lineage.folder, "sealed") == set()


def test_a_sealed_benchmark_that_is_named_is_played_alone_and_the_reading_noted(play, draft, tiny):
    scores, rows = play(sealed="sealed")
    assert (list(scores), [row["item_id"] for row in rows]) == (["sealed"], ["s"])
    assert readers(draft.lineage.folder, "sealed") == {tiny.digest}


def test_a_reading_is_noted_before_the_weights_are_loaded(play, draft):
    with pytest.raises(Damaged):
        play(sealed="sealed", model=CheckpointRef(digest="a" * 64))
    assert readers(draft.lineage.folder, "sealed") == {"a" * 64}


def test_an_item_without_an_answer_is_wrong_and_stays_in_the_score(play, draft):
    scores, rows = play(num_samples=2, sampled_items=9, more=[{"id": "long", "question": "+".join("9" * 150)}])
    lost = [row for row in rows if row["item_id"] == "long"]
    assert {(row["finish_reason"], row["correct"], row["num_tokens"]) for row in lost} == {
        ("prompt_too_long", False, 0)
    }
    assert scores["sums"]["n"] == len(SUMS) + 1
    assert unanswered(draft, 1.0) == {"prompt_too_long": 3}
