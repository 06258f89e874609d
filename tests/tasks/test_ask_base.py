import pytest

from schemas.selections import SELECTIONS
from tasks.ask_base import ask_base
from tasks.prompts import load_prompt
from tasks.roles import Role

SUMS = ["1+2+3+4", "9+9+9+9+9+9", "2+2+2+2", "8+7+9+6+8+7", "5+9+8+7+6"]


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    def run(key, sums=SUMS, **changes):
        draft.key, draft.written = key * 32, set()
        selections = [
            {
                "id": f"s{i}",
                "question_id": f"q{i}",
                "verdict_id": "v",
                "question": text,
                "answer": "1",
                "agreement": 0.5,
            }
            for i, text in enumerate(sums)
        ]
        ask_base(
            draft, settings=recipe.solve.model_copy(update=changes),
            solver=Role(recipe.engine, load_prompt("solve_sums", tmp_path), tiny),
            selections=given(SELECTIONS, selections),
        )  # fmt: skip
        return sorted(draft.read(draft.tables()["base_samples"]).to_pylist(), key=lambda row: row["question_id"])

    return run


def test_the_base_answers_each_selected_question_once(play, tiny):
    rows = play("1")
    assert [row["question_id"] for row in rows] == [f"q{i}" for i in range(len(SUMS))]
    assert {(row["checkpoint"], row["verified"]) for row in rows} == {(tiny.digest, True)}
    for row, text in zip(rows, SUMS, strict=True):
        assert row["prompt"].startswith(text)
        assert row["num_tokens"] > 1


def test_its_answers_are_the_same_whatever_shares_their_shard(play):
    one, three = ([row | {"id": ""} for row in play(key, questions_per_shard=n)] for key, n in (("1", 64), ("2", 2)))
    assert one == three


def test_where_nothing_was_selected_there_is_an_empty_table(play):
    assert play("1", sums=[]) == []
