"""A stage whose rows come by a URL: how they are marked, and what becomes of a model that is exchanged on the way."""

import pytest

from schemas.errors import Stopped
from schemas.manifest import Teacher
from schemas.questions import QUESTIONS
from tasks.engines.openai import served_name
from tasks.prompts import load_prompt
from tasks.roles import Role
from tasks.solve import solve

from .api import Api

A, B = ({"root": f"/models/{name}"} for name in "ab")


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path, settings, monkeypatch):
    """Four questions, two a shard, by the server."""
    monkeypatch.setattr(Api, "served", [served_name(tiny.digest), "teacher-7b"])
    questions = given(QUESTIONS, [
        {"id": f"q{i}", "proposal_id": "p", "item": i, "position": i, "question": f"{i}+1", "nearest_score": 0.0}
        for i in range(4)
    ])  # fmt: skip

    def run(*told, engine=settings, model=tiny):
        Api.told, draft.written = list(told), set()
        solve(
            draft,
            settings=recipe.solve.model_copy(update={"num_samples": 2, "questions_per_shard": 2}),
            solver=Role(engine, load_prompt("solve_sums", tmp_path), model),
            checks=recipe.answers,
            questions=questions,
            round=1,
        )
        return draft.read(draft.tables()["attempts"]).to_pylist()

    return run


def test_what_a_url_wrote_is_marked_and_what_was_loaded_here_is_not(play, draft, recipe, tiny):
    rows = play(A)
    assert {(row["verified"], row["checkpoint"]) for row in rows} == {(False, tiny.digest)}
    assert draft.server == A | {"id": served_name(tiny.digest)}
    draft.key = "1" * 32
    assert {row["verified"] for row in play(engine=recipe.engine)} == {True}
    assert draft.server == {}


def test_a_teachers_rows_name_it_in_the_place_of_weights(play, settings, tiny):
    taught = settings.model_copy(update={"model": "teacher-7b", "revision": "2024-07-18"})
    rows = play(A, engine=taught, model=Teacher(model="teacher-7b", revision="2024-07-18", tokenizer=tiny))
    assert {(row["verified"], row["checkpoint"]) for row in rows} == {(False, "teacher-7b@2024-07-18")}
    assert {asked["model"] for asked in Api.asked} == {"teacher-7b"}


def test_a_shard_of_which_nobody_knows_who_wrote_it_is_not_kept_and_no_stage_is_a_mixture(play, draft):
    def parts():
        return {path.name: path.read_bytes() for path in draft.folder.glob("attempts/*/*.parquet")}

    with pytest.raises(Stopped, match=r"exchanged while it was asked \(root was '/models/a', now '/models/b'\)"):
        play(A, A, B)  # at the beginning, after the first shard, after the second
    kept = parts()
    assert [*kept] == ["part-0000.parquet"]
    with pytest.raises(Stopped, match=r"stage: its shards so far .* now '/models/b'.* --from-stage stage$"):
        play(B)
    assert parts() == kept
    assert len(play(A)) == 8
    assert parts()["part-0000.parquet"] == kept["part-0000.parquet"]


def test_before_the_first_shard_another_model_is_as_good(play, draft):
    with pytest.raises(Stopped, match="exchanged"):
        play(A, B)
    assert len(play(B)) == 8
    assert draft.server["root"] == "/models/b"
