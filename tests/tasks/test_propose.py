import pytest

from schemas.dropped import DROPPED
from schemas.inputs import SEEDS
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from tasks.prompts import load_prompt
from tasks.propose import propose


def question(draft, text, position=0):
    return {
        "id": draft.row_id(QUESTIONS, text),
        "proposal_id": "p",
        "item": 0,
        "position": position,
        "text": text,
    } | {
        "nearest_score": 0.0,
        "nearest_id": None,
    }


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    seeds = [{"id": f"seeds-{i}", "question": f"{i}+1+2+3", "source_row": i} for i in range(1, 9)]
    own = {"question_id": "q", "verdict_id": "v", "text": "9+8+7+6", "answer": "30", "agreement": 0.75}

    def run(stage=draft, **changes):
        return propose(
            stage,
            settings=recipe.propose.model_copy(update=changes),
            engine=recipe.engine,
            prompt=load_prompt("propose_sums", tmp_path),
            model=tiny,
            seeds=given(SEEDS, seeds),
            own=(given(SELECTIONS, [{"id": "selections-1"} | own]),),
            invalid=(),
            earlier=(given(QUESTIONS, [question(draft, "9+8+7+6")]),),
            round=1,
        )

    return run


def test_the_tiny_model_proposes_new_well_formed_questions_up_to_the_target(draft, play):
    figures = play(target=20)
    tables = draft.tables()
    rows = draft.read(tables["questions"]).to_pylist()
    assert sorted(row["position"] for row in rows) == list(range(20))
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == 20
    assert not set(texts) & ({f"{i}+1+2+3" for i in range(1, 9)} | {"9+8+7+6"})
    assert figures["proposed"] == 20 + sum(draft.dropped().values())


def test_few_shots_are_seeds_and_at_most_so_many_of_the_models_own(draft, play):
    play(num_fewshots=3, max_own_fewshots=1)
    for row in draft.read(draft.tables()["proposals"]).to_pylist():
        assert len(row["fewshot_ids"]) == 3
        assert sum(not i.startswith("seeds") for i in row["fewshot_ids"]) == 1
        assert row["prompt"].startswith("1. ")
        assert row["prompt"].endswith("\n4.")


def test_every_item_is_kept_or_dropped_with_a_reason_under_its_own_id(draft, play):
    figures = play(target=20)
    kept = draft.read(draft.tables()["questions"])["id"].to_pylist()
    dropped = draft.read(draft.tables()["dropped"]).to_pylist()
    assert not set(kept) & {row["id"] for row in dropped}
    assert len(kept) + len(dropped) == figures["proposed"]
    assert all(row["id"].startswith("questions-0001-") and row["reason"] for row in dropped)


def test_novelty_looks_at_seeds_earlier_rounds_and_this_batch(draft, play, monkeypatch):
    lists = " 1+1+2+3\n4. 9+8+7+6\n5. 5+5+5+5\n6. 5+5+5+5\n7. oops"
    rows = [{"wave": 0, "prompt_index": 0, "fewshot_ids": ["a", "b"], "prompt": "1.", "text": lists, "num_tokens": 9}]
    draft.write(PROPOSALS, [row | {"id": "proposals-1", "finish_reason": "length"} for row in rows])
    play(max_waves=1)
    assert draft.read(draft.tables()["questions"])["text"].to_pylist() == ["5+5+5+5"]
    found = draft.read(draft.tables()["dropped"]).to_pylist()
    assert sorted((row["text"], row["reason"]) for row in found) == [
        ("1+1+2+3", "not_new"), ("5+5+5+5", "not_new"), ("9+8+7+6", "not_new"), ("oops", "truncated")
    ]  # fmt: skip


def test_a_wave_that_is_whole_is_not_sampled_again_and_the_questions_are_the_same(draft, play):
    play(target=60)
    first = draft.tables()
    (wave,) = (draft.folder / PROPOSALS.name / draft.key).glob("part-0000.parquet")
    before = wave.stat().st_mtime_ns
    (draft.folder / DROPPED.name / draft.key / "part-0000.parquet").unlink()
    play(target=60)
    assert wave.stat().st_mtime_ns == before
    assert {name: ref.digest for name, ref in draft.tables().items()} == {n: r.digest for n, r in first.items()}
