"""Rows that no small model writes: hostile ones, and rows dropped at each stage, by the stages themselves."""

import json
import shutil

import pytest

from flows.lines.story import story
from schemas.errors import Damaged
from tasks.audit.ancestry import explain
from tasks.audit.closure import Shelf, orphans
from tasks.audit.descent import follow
from tasks.audit.integrity import Opened, open_tables
from tasks.audit.rows import open_row
from tasks.store.lineage import open_lineage
from tasks.store.objects import write_whole
from tasks.store.place import store_at

from .scripted import CANDIDATE, LONG, dropped, play_script, rows


@pytest.fixture(scope="module")
def lineage(tmp_path_factory, quickstart):
    return play_script(tmp_path_factory.mktemp("hostile"), quickstart)


@pytest.mark.parametrize(
    ("stage", "reason", "figure", "threshold"),
    [
        ("propose", "too_long", 3, 1), ("propose", "not_new", 1, None), ("propose", "surplus", None, None),
        ("select", "contaminated_exact", 1, None), ("select", "tie", 0.4, None), ("select", "below_band", 0.4, 0.5),
    ],
)  # fmt: skip
def test_a_dropped_question_shows_each_filter_up_to_the_one_that_refused_it(
    lineage, stage, reason, figure, threshold
):
    row = min(dropped(lineage, stage, reason), key=lambda row: len(row["text"]))
    told = explain(lineage, row["id"])
    assert (told.row is None) == (stage == "propose")
    assert [f for f in told.filters if f["outcome"] == "dropped"] == [
        {"stage": stage, "filter": reason, "figure": figure, "threshold": threshold, "outcome": "dropped"}
    ]
    of_stage = [f["outcome"] for f in told.filters if f["stage"] == stage]
    refused = of_stage.index("dropped")
    assert set(of_stage[:refused]) <= {"passed"} and set(of_stage[refused + 1 :]) <= {"not tried"}
    (proposal,) = told.tables["proposals"]
    parsed = explain(lineage, proposal["row"]["id"])
    named = {d["id"] for d in parsed.dropped} | {q["row"]["id"] for q in parsed.tables["questions"]}
    assert proposal["relation"] == "up" and row["id"] in named
    assert told.checkpoints == [] and not {"sft_examples", "preference_pairs"} & {*told.tables}


def test_a_dropped_seed_shows_the_protected_row_that_it_repeats(lineage):
    (row,) = dropped(lineage, "collect", "contaminated_exact")
    told = explain(lineage, row["id"])
    assert (told.row, told.dropped[0]["text"]) == (None, "7+7")
    (hit,), (repeated,) = told.tables["contamination"], told.tables["inputs/benchmark_items"]
    assert (hit["row"]["protected_id"], repeated["row"]["question"]) == (repeated["row"]["id"], "7+7")
    assert follow(lineage, row["id"]).rounds == []


def test_what_validation_dropped_is_in_no_training_and_says_for_which_expectation(lineage):
    spoilt = dropped(lineage, "validate", "expect_column_values_to_be_between(num_tokens)")
    (attempt,) = (row for row in spoilt if row["table"] == "attempts")
    example = next(row for row in spoilt if row["table"] == "sft_examples")
    told = explain(lineage, example["id"])
    assert {d["id"] for d in told.dropped} >= {attempt["id"], example["id"]}
    trained = {e["row"]["id"]: bool(e["trained"]) for e in told.tables["sft_examples"]}
    assert trained.pop(example["id"]) is False
    assert trained and all(trained.values())
    assert follow(lineage, example["id"]).checkpoints == []
    (proposal,) = told.tables["proposals"]
    assert [c["digest"] for c in follow(lineage, proposal["row"]["id"]).checkpoints] == [CANDIDATE.digest]


def test_a_number_that_is_none_is_a_word_in_json(lineage):
    (step,) = rows(lineage, "train_steps")
    assert json.loads(json.dumps(vars(explain(lineage, step["id"])), allow_nan=False))["row"]["grad_norm"] == "nan"


def test_hostile_text_of_a_megabyte_is_cut_and_escaped_in_words_and_whole_in_json(lineage):
    """Of every row that there is: no character that a terminal obeys, no line longer than a screen or two."""
    ids = {row["id"] for table in lineage.manifests[0].tables for row in rows(lineage, table)}
    assert len(ids) > 80
    whole = 0
    for row_id in ids:
        told = explain(lineage, row_id)
        lines = story(told).split("\n")
        assert all(line.isprintable() for line in lines)
        assert max(map(len, lines)) < 1000 and len(lines) < 130
        as_json = json.dumps(vars(told))
        assert as_json.isascii() and as_json.isprintable()
        whole += LONG in as_json
    assert whole > 15


def test_a_stage_whose_marker_is_gone_is_damage(lineage, tmp_path):
    shutil.copytree(lineage.store, tmp_path / "store")
    for marker in (tmp_path / "store/small/round-0001/stages").glob("vote-*.json"):
        marker.unlink()
    copied = open_lineage(tmp_path / "store", "small")
    with pytest.raises(Damaged, match=r"stages/vote-[0-9a-f]+\.json: gone, or no marker"):
        explain(copied, rows(lineage, "sft_examples")[0]["id"])


def test_a_store_in_a_bucket_tells_the_same(lineage, s3_store):
    bucket = store_at(s3_store)
    for path in lineage.store.rglob("*"):
        if path.is_file():
            write_whole(bucket / path.relative_to(lineage.store).as_posix(), path.read_bytes())
    example = rows(lineage, "sft_examples")[0]["id"]
    there, row_id = open_row(s3_store, example)
    assert explain(there, row_id) == explain(lineage, example)
    assert follow(there, row_id) == follow(lineage, example)


def test_a_seed_that_was_dropped_for_what_it_touches_is_no_missing_parent(lineage):
    opened = Opened(lineage, lineage.manifests[0])
    assert list(open_tables(opened)) == []
    hits = [row for ref in opened.refs("contamination", controls=False) for row in opened.rows[ref.path].to_pylist()]
    assert any(row["row_id"].startswith("seeds-") for row in hits), "else this shows nothing"
    assert list(orphans(opened, Shelf(lineage))) == []
