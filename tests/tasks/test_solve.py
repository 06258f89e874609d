import pytest

from schemas.errors import ValidationFailed
from schemas.inputs import PROBE
from schemas.questions import QUESTIONS
from tasks.checks.vote import vote
from tasks.engines.staged import unanswered
from tasks.prompts import load_prompt
from tasks.reading.attempts import final_answer
from tasks.roles import Role
from tasks.solve import solve
from tasks.training.weights import load_tokenizer

SUMS = ["1+2+3+4", "9+9+9+9+9+9", "2+2+2+2", "8+7+9+6+8+7", "5+9+8+7+6", "9+8+9+8+9+8"]


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    questions = [
        {"id": f"q{i}", "proposal_id": "p", "item": i, "position": i, "question": text, "nearest_score": 0.0}
        for i, text in enumerate(SUMS)
    ]
    probe = [{"id": "probe", "source_row": 0, "question": "3+3+3+3", "reference": "12"}]

    def run(key, stops=False, band=(0.0, 1.0), more=(), **changes):
        draft.key, draft.written = key * 32, set()
        figures = solve(
            draft,
            settings=recipe.solve.model_copy(update={"num_samples": 8, **changes}),
            solver=Role(recipe.engine, load_prompt("solve_sums", tmp_path), tiny),
            questions=given(QUESTIONS, [*questions, *(questions[0] | each for each in more)]),
            probe=given(PROBE, probe),
            checks=recipe.answers,
            round=1,
            stops_for=recipe.select.model_copy(update={"min_agreement": band[0], "max_agreement": band[1]})
            if stops
            else None,
        )
        return figures, draft.read(draft.tables()["attempts"]).to_pylist()

    return run


def by_question(rows):
    groups = {}
    for row in sorted(rows, key=lambda row: row["sample"]):
        groups.setdefault(row["question_id"], []).append(row)
    return groups


def label(rows):
    return vote([final_answer(row["text"], r"#(\d+)").text for row in rows]).answer


def kept(groups, low, high):
    """Question -> label, of those whose vote is in the band."""
    verdicts = {q: vote([final_answer(row["text"], r"#(\d+)").text for row in rows]) for q, rows in groups.items()}
    return {q: v.answer for q, v in verdicts.items() if v.answer is not None and low <= v.agreement <= high}


def test_an_attempt_keeps_the_tokens_that_were_sampled(play, tiny, draft):
    figures, rows = play("f")
    tokenizer = load_tokenizer(draft.checkpoint(tiny))
    for row in rows:
        assert len(row["token_ids"]) == row["num_tokens"]
        assert (row["token_ids"][-1] == tokenizer.eos_token_id) == (row["finish_reason"] == "stop")
        assert row["prompt_ids"] is None, "the text says them"
    assert figures["other_tokens"] == sum(not row["same_tokens"] for row in rows) / len(rows)


def test_every_question_and_probe_row_is_attempted_as_often_as_asked(play):
    figures, rows = play("a")
    groups = by_question(rows)
    assert set(groups) == {*(f"q{i}" for i in range(len(SUMS))), "probe"}
    assert {len(group) for group in groups.values()} == {8}
    assert figures["attempts"] == 56 and "attempts_saved" not in figures


def test_early_stopping_makes_the_first_attempts_of_the_full_round_and_keeps_every_label(play):
    full = by_question(play("a")[1])
    figures, rows = play("b", stops=True)
    early = by_question(rows)
    assert set(early) == set(full)
    for question, group in early.items():
        assert [row["text"] for row in group] == [row["text"] for row in full[question][: len(group)]]
        assert label(group) == label(full[question])
        assert {row["num_planned"] for row in group} == {8}
    assert figures["attempts_saved"] == 56 - len(rows) > 0


@pytest.mark.parametrize("band", [(0.25, 0.75), (0.5, 1.0), (0.3, 0.9)])
def test_early_stopping_selects_the_same_questions_with_the_same_labels(play, band):
    full = by_question(play("a")[1])
    figures, rows = play("b", stops=True, band=band)
    assert kept(by_question(rows), *band) == kept(full, *band)
    assert figures["attempts_saved"] == 56 - len(rows)


def test_a_shard_holds_all_attempts_of_its_questions_and_is_handed_over_whole(play, draft):
    handed = []
    draft.hand_over = handed.append
    play("a", questions_per_shard=2)
    assert [len(rows) for rows in handed] == [16, 16, 16, 8]
    assert all(len(group) == 8 for rows in handed for group in by_question(rows).values())
    play("a", questions_per_shard=2)
    assert len(handed) == 8, "shards that were whole already are handed over too"


LONG = {"id": "long", "question": "+".join("9" * 150)}


@pytest.mark.parametrize("stops", [False, True])
def test_a_question_beyond_the_models_positions_is_dropped_and_the_others_are_answered_as_without_it(
    play, draft, stops
):
    alone = play("a", stops=stops, num_samples=2)[1]
    figures, rows = play("b", stops=stops, num_samples=2, more=[LONG])
    assert rows == alone
    lost = draft.read(draft.tables()["dropped"]).to_pylist()
    assert {(row["reason"], *row["parents"]) for row in lost} == {("prompt_too_long", "long")}
    assert figures.get("attempts_saved", 0) == 0
    assert "256 positions" in lost[0]["text"]
    assert unanswered(draft, 0.5) == {"prompt_too_long": 2}
    with pytest.raises(ValidationFailed, match=r"2 of 16 samples without an answer \(2 prompt_too_long\), above val"):
        unanswered(draft, 0.1)


def test_a_shard_that_loses_nothing_writes_nothing_of_it(play, draft):
    play("a", num_samples=2)
    assert set(draft.tables()) == {"attempts"}
    assert unanswered(draft, 0.0) == {}


def test_what_a_shard_lost_is_read_again_by_a_rerun(play, draft):
    play("a", num_samples=2, more=[LONG])
    first = draft.tables()
    play("a", num_samples=2, more=[LONG])
    assert draft.tables() == first and first["dropped"].rows == 2
