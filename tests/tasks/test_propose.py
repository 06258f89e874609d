import dataclasses
import hashlib
import random

import pytest

from schemas.dropped import DROPPED
from schemas.inputs import SEEDS
from schemas.manifest import Manifest, ValidRows
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.settings import Novelty
from tasks.novelty.index import NoveltyIndex, rouge_l_f1
from tasks.prompts import load_prompt
from tasks.propose import propose
from tasks.reading.proposals import parse_numbered_list
from tasks.roles import Role


def question(draft, text, position=0):
    return {
        "id": draft.row_id(QUESTIONS, text),
        "proposal_id": "p",
        "item": 0,
        "position": position,
        "question": text,
    } | {
        "nearest_score": 0.0,
        "nearest_id": None,
    }


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    seeds = [{"id": f"seeds-{i}", "question": f"{i}+1+2+3", "source_row": i} for i in range(1, 9)]
    own = {"question_id": "q", "verdict_id": "v", "question": "9+8+7+6", "answer": "30", "agreement": 0.75}

    def run(stage=draft, **changes):
        return propose(
            stage,
            settings=recipe.propose.model_copy(update=changes),
            proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), tiny),
            seeds=given(SEEDS, seeds),
            shown=ValidRows(tables=(given(SELECTIONS, [{"id": "selections-1"} | own]),)),
            earlier=(given(QUESTIONS, [question(draft, "9+8+7+6")]),),
            round=1,
        )

    return run


def test_the_tiny_model_proposes_new_well_formed_questions_up_to_the_target(draft, play):
    figures = play(target=20)
    tables = draft.tables()
    rows = draft.read(tables["questions"]).to_pylist()
    assert sorted(row["position"] for row in rows) == list(range(20))
    texts = [row["question"] for row in rows]
    assert len(set(texts)) == 20
    assert not set(texts) & ({f"{i}+1+2+3" for i in range(1, 9)} | {"9+8+7+6"})
    assert figures["proposed"] == 20 + sum(draft.dropped().values())


def test_few_shots_are_seeds_and_at_most_so_many_of_the_models_own(draft, play):
    play(num_fewshots=3, max_own_fewshots=1)
    for row in draft.read(draft.tables()["proposals"]).to_pylist():
        assert len(row["shown_ids"]) == 3
        assert sum(not i.startswith("seeds") for i in row["shown_ids"]) == 1
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
    rows = [{"wave": 0, "prompt_index": 0, "shown_ids": ["a", "b"], "prompt": "1.", "text": lists, "num_tokens": 9}]
    draft.write(PROPOSALS, [row | {"id": "proposals-1", "finish_reason": "length"} for row in rows])
    play(max_waves=1)
    assert draft.read(draft.tables()["questions"])["question"].to_pylist() == ["5+5+5+5"]
    found = draft.read(draft.tables()["dropped"]).to_pylist()
    assert sorted((row["text"], row["reason"]) for row in found) == [
        ("1+1+2+3", "not_new"), ("5+5+5+5", "not_new"), ("9+8+7+6", "not_new"), ("oops", "truncated")
    ]  # fmt: skip
    assert [row["parents"] for row in found] == [["proposals-1"]] * 4, "no table of their own says it"


def test_a_question_with_its_answer_in_the_midst_is_dropped_and_one_before_its_answer_is_kept(draft, play):
    row = {"wave": 0, "prompt_index": 0, "shown_ids": ["a", "b"], "prompt": "1.", "num_tokens": 9}
    lists = " 5+4+3+2\nAnswer: 14\n**4.** 1+1+2+3 is \\boxed{7}, isn't it?\n(5) 6+4+3+2<|im_end|>"
    draft.write(PROPOSALS, [row | {"id": "proposals-1", "text": lists, "finish_reason": "stop"}])
    play(max_waves=1)
    assert {*draft.read(draft.tables()["questions"])["question"].to_pylist()} == {"5+4+3+2", "6+4+3+2"}
    assert draft.dropped() == {"answered": 1}


def test_few_shots_keep_the_line_breaks_of_code_and_the_list_is_still_read(draft, given, recipe, tiny, tmp_path):
    code = "What is printed?\n```\n3. x\n  y\n```"
    propose(
        draft,
        settings=recipe.propose.model_copy(update={"num_fewshots": 2, "max_waves": 1, "prompts_per_wave": 1}),
        proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), tiny),
        seeds=given(SEEDS, [{"id": f"seeds-{n}", "question": code, "source_row": n} for n in (1, 2)]),
        shown=ValidRows(tables=()),
        earlier=(),
        round=1,
    )
    (prompt,) = draft.read(draft.tables()["proposals"])["prompt"].to_pylist()
    assert prompt == f"1. {code}\n2. {code}\n3."
    assert parse_numbered_list(f"{prompt} Next?", 1) == [code, code, "Next?"]


def test_a_wave_that_is_whole_is_not_sampled_again_and_the_questions_are_the_same(draft, play):
    play(target=60)
    first = draft.tables()
    (wave,) = (draft.folder / PROPOSALS.name / draft.key).glob("part-0000.parquet")
    before = wave.stat().st_mtime_ns
    [refused] = (draft.folder / DROPPED.name / draft.key).iterdir()
    refused.unlink()
    play(target=60)
    assert wave.stat().st_mtime_ns == before
    assert {name: ref.digest for name, ref in draft.tables().items()} == {n: r.digest for n, r in first.items()}


def test_a_prompt_beyond_the_models_positions_is_dropped_and_the_others_are_proposed_from(
    draft, given, recipe, tiny, tmp_path
):
    seeds = [
        {"id": f"seeds-{i}", "question": f"{i}+1+2+3" + "+1" * 120 * (i == 8), "source_row": i} for i in range(9)
    ]
    for key in ("a", "b"):
        draft.key, draft.written = key * 32, set()
        propose(
            draft,
            settings=recipe.propose.model_copy(update={"num_fewshots": 2, "max_waves": 1, "prompts_per_wave": 16}),
            proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), tiny),
            seeds=given(SEEDS, seeds), shown=ValidRows(tables=()), earlier=(), round=1,
        )  # fmt: skip
        if key == "b":
            break
        whole = draft.tables()["dropped"].digest
    lost = [row for row in draft.read(draft.tables()["dropped"]).to_pylist() if row["table"] == "proposals"]
    asked = draft.read(draft.tables()["proposals"]).to_pylist()
    assert whole == draft.tables()["dropped"].digest
    assert {row["reason"] for row in lost} == {"prompt_too_long"}
    assert all("seeds-8" in row["parents"] for row in lost) and len(lost) + len(asked) == 16
    assert not any("seeds-8" in row["shown_ids"] for row in asked)


SEED = "how many clips did Ann sell in May"


@pytest.fixture
def play_round(draft, given, recipe, tiny, tmp_path):
    """Rounds of a lineage by ROUGE-L, whose proposals are given: (number, proposed, earlier) -> its draft."""
    rules = recipe.propose.filters.model_copy(update={"max_words": 20, "pattern": None})
    settings = recipe.propose.model_copy(
        update={"novelty": Novelty(method="rouge_l", threshold=0.7), "filters": rules, "max_waves": 1}
    )
    seeds = given(SEEDS, [{"id": "seeds-1", "question": SEED, "source_row": 1}])

    def run(number, proposed, earlier=(), **changes):
        published = (Manifest.model_construct(caches=dict(enumerate(run.named))),)
        lineage = dataclasses.replace(draft.lineage, published=published)
        stage = dataclasses.replace(
            draft, lineage=lineage, round=number, key=f"{number:032x}", written=set(), caches={}
        )
        listed = "".join(f"{item}. {text}\n" for item, text in enumerate(proposed, 3))
        row = {"id": f"proposals-{number}", "wave": 0, "prompt_index": 0, "shown_ids": ["a", "b"], "prompt": "1."}
        stage.write(PROPOSALS, [row | {"text": listed, "num_tokens": 9, "finish_reason": "stop"}])
        propose(
            stage,
            settings=settings.model_copy(update=changes),
            proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), tiny),
            seeds=seeds,
            shown=ValidRows(tables=()),
            earlier=tuple(earlier),
            round=number,
        )
        run.named |= set(stage.caches.values())
        return stage

    run.seeds, run.index = seeds, draft.lineage.cache / "novelty.index"
    run.named = set()  # SHA-256 of each index that a published round left
    run.any_script = rules.model_copy(update={"forbid_leading_nonascii": False})
    return run


def proposals(number):
    """Parts of one question: some near one another, some not."""
    draw = random.Random(number)
    words = (SEED + " and how many did Bob buy if each of his friends had two").split()
    return [" ".join(word for word in words if draw.random() < 0.5) for _ in range(40)]


def spoil(index, how):
    whole = index.read_bytes()
    if how == "absent":
        index.unlink()
    elif how == "cut short":
        index.write_bytes(whole[: len(whole) // 2])
    elif how == "foreign":
        index.write_text("not an index")
    elif how == "a folder":
        index.unlink()
        index.mkdir()


@pytest.mark.parametrize("how", ["absent", "cut short", "foreign", "a folder"])
def test_what_is_kept_of_earlier_rounds_saves_time_and_decides_nothing(play_round, how):
    refs = []
    for number in (1, 2, 3):
        if number > 1:
            kept = play_round.index.read_bytes()
        stage = play_round(number, proposals(number), refs)
        tables = {name: ref.digest for name, ref in stage.tables().items()}
        assert {"questions", "dropped"} <= tables.keys() and stage.dropped()["not_new"] > 3
        holds = [play_round.seeds.digest, *(ref.digest for ref in refs), tables["questions"]]
        assert NoveltyIndex.load(play_round.index).holds == holds
        if number > 1:
            after = play_round.index.read_bytes()
            play_round.index.write_bytes(kept)
            spoil(play_round.index, how)
            again = play_round(number, proposals(number), refs)
            assert {name: ref.digest for name, ref in again.tables().items()} == tables
            if how == "a folder":  # where nothing can be saved
                play_round.index.rmdir()
                play_round.index.write_bytes(after)
            assert play_round.index.read_bytes() == after
        refs.append(stage.tables()["questions"])


def test_a_round_goes_on_from_an_index_that_holds_the_beginning_of_what_is_known(play_round):
    first = play_round(1, ["how old is Bob", "where is the sea"]).tables()["questions"]
    index = NoveltyIndex(0.7)
    index.holds += [play_round.seeds.digest, first.digest]
    index.add("which day is it", "only-in-the-index")
    index.save(play_round.index)
    play_round.named.add(hashlib.sha256(play_round.index.read_bytes()).hexdigest())
    stage = play_round(2, ["which day is it", "how old is Bob", "where is the lake"], [first])
    assert stage.read(stage.tables()["questions"])["question"].to_pylist() == ["where is the lake"]
    assert NoveltyIndex.load(play_round.index).nearest("which day is it") == (1.0, "only-in-the-index")


def test_an_index_that_no_published_round_left_is_built_anew(play_round):
    first = play_round(1, ["how old is Bob", "where is the sea"]).tables()["questions"]
    index = NoveltyIndex.load(play_round.index)
    index.add("which day is it", "only-in-the-index")
    index.save(play_round.index)
    stage = play_round(2, ["which day is it", "how old is Bob"], [first])
    assert stage.read(stage.tables()["questions"])["question"].to_pylist() == ["which day is it"]


@pytest.mark.parametrize(
    "holds", [[], ["other"], ["other", "seeds"], ["seeds", "first", "other"], ["first", "seeds"]]
)
def test_an_index_that_holds_anything_else_is_not_used(play_round, holds):
    first = play_round(1, ["how old is Bob", "where is the sea"]).tables()["questions"]
    digests = {"seeds": play_round.seeds.digest, "first": first.digest, "other": "0" * 64}
    index = NoveltyIndex(0.7)
    index.holds += [digests[name] for name in holds]
    index.add("which day is it", "only-in-the-index")
    index.save(play_round.index)
    play_round.named.add(hashlib.sha256(play_round.index.read_bytes()).hexdigest())
    stage = play_round(2, ["which day is it", "how old is Bob"], [first])
    assert stage.read(stage.tables()["questions"])["question"].to_pylist() == ["which day is it"]


def test_an_index_of_another_threshold_is_not_used(play_round):
    first = play_round(1, [SEED + " and June"], novelty=Novelty(method="rouge_l", threshold=0.95))
    assert first.dropped() == {}
    stage = play_round(2, [SEED + " or June"], [first.tables()["questions"]])
    assert stage.dropped() == {"not_new": 1}


def test_a_dropped_question_has_its_exact_figure_and_a_new_one_a_bound(play_round):
    near, apart = SEED + " and June", "how many clips will Bob buy if they are cheap"
    stage = play_round(
        1, [near, apart, "数は？", "数は？", "數は？", SEED.upper() + "?"], filters=play_round.any_script
    )
    rows = sorted(stage.read(stage.tables()["questions"]).to_pylist(), key=lambda row: row["position"])
    found = [(row["question"], row["nearest_score"], row["nearest_id"]) for row in rows]
    assert found == [(apart, 0.7, None), ("数は？", 0.0, None), ("數は？", 0.7, None)]
    dropped = {row["text"]: row["figure"] for row in stage.read(stage.tables()["dropped"]).to_pylist()}
    assert dropped == {near: rouge_l_f1(near, SEED), "数は？": 1.0, SEED.upper() + "?": 1.0}


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_at_either_end_of_the_threshold_a_copy_is_not_new_and_another_text_is(play_round, threshold):
    novelty = Novelty(method="rouge_l", threshold=threshold)
    other = "which day is it" if threshold == 0 else "which day in May is it"
    stage = play_round(1, [SEED, SEED + "!", other], novelty=novelty)
    assert stage.read(stage.tables()["questions"])["question"].to_pylist() == [other]
