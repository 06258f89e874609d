"""Rows that no small model writes: hostile ones, and rows dropped at each stage, by the stages themselves."""

import hashlib
import json
import shutil
from dataclasses import replace

import orjson
import pytest
import tomli_w

from flows.lines.story import story
from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.errors import Damaged
from schemas.expectations import contracts
from schemas.manifest import CheckpointRef, Manifest, StageRecord
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.recipe import Recipe
from schemas.train_steps import TRAIN_STEPS
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.audit.rows import open_row
from tasks.build import build
from tasks.collect import collect
from tasks.judge import judge
from tasks.propose import Admission
from tasks.publish import publish
from tasks.select import select
from tasks.sources import Source, Sources
from tasks.store.draft import Draft
from tasks.store.lineage import make_store, open_lineage
from tasks.store.objects import create_once, write_whole
from tasks.store.place import store_at
from tasks.validate import validate

BASE, CANDIDATE = CheckpointRef(digest="b" * 64), CheckpointRef(digest="c" * 64)
HOSTILE = "\x1b[2J\x1b]0;title\x07\u202edesrever\u2066 <script>alert(1)</script>\x00 \x9b31m 答\n"
LONG = "x" * 1_000_000
SAYS = {  # question -> what was answered
    "1+1": ("#2", "#2", f"{HOSTILE}{LONG}#2", "#3", "#2"),
    "2+2": ("#4", "#4", "#4", "#4", "no number"),  # its first attempt breaks an expectation
    "3+3": ("#6", "#7", "#8", "#8", "#9"),  # a label that few stand behind
    "4+4": ("#8", "#8", "#9", "#9", "#10"),  # a tie
    "9+9": ("#18", "#18", "#18", "#17", "#17"),  # the probe's own question
}


class Played:
    """A round whose model is a script: all else are the stages."""

    def __init__(self, store, recipe):
        make_store(store)
        self.lineage = open_lineage(store, "small")
        self.recipe, self.records = recipe, {}

    def draft(self, stage):
        key = hashlib.sha256(stage.encode()).hexdigest()[:32]
        return Draft(self.lineage, 1, stage, key, seed=1)

    def mark(self, draft, figures, settings=None, **inputs):
        record = StageRecord(
            stage=draft.stage, key=draft.key, played_as=draft.stage, inputs=inputs,
            settings={"settings": settings.model_dump(mode="json")} if settings else {}, prompts={}, code="",
            versions={}, tables=draft.tables(), figures=figures, dropped=draft.dropped(), seconds=0, tokens=0,
        )  # fmt: skip
        create_once(self.lineage.marker(1, draft.stage, draft.key), orjson.dumps(record.model_dump(mode="json")))
        self.records[draft.stage] = record
        return record.tables

    def play(self, stage, settings=None, **inputs):
        draft = self.draft(stage.__name__)
        given = inputs | ({"settings": settings} if settings else {})
        return self.mark(draft, stage(draft, **given), settings)

    def publish(self):
        tables = {}
        for record in self.records.values():
            for name, ref in record.tables.items():
                tables.setdefault(name, []).append(ref)
        manifest = Manifest(
            recipe="small", round=1, method="serl", decision="held", reason=f"as told {HOSTILE}", parent=None,
            base=BASE, champion=BASE, candidate=CANDIDATE, fixed={}, tables=tables, dropped={}, inputs={}, proposed=0,
            stages={name: record.key for name, record in self.records.items()}, trained_on={}, vote_precision=None,
            band={}, scores={}, gate=None, validation={}, seconds={}, tokens={}, started="", finished="", versions={},
            device="cpu", git="unknown", seed=1,
        )  # fmt: skip
        publish(self.lineage.round_folder(1), manifest)
        return open_lineage(self.lineage.store, "small")


def sources(recipe, tmp_path):
    def source(key, *questions):
        rows = tuple({"question": q, "source_row": n} for n, q in enumerate(questions))
        return Source(key, tmp_path, rows, {}, "0" * 64)

    def answered(found):
        return replace(found, rows=tuple(row | {"reference": "18"} for row in found.rows))

    items = answered(source("benchmarks.sums", "7+7", "8+8"))
    return Sources(
        source("data.seeds", f"5+5 {HOSTILE}", "7+7", "6+6"), answered(source("data.probe", "9+9")),
        ((recipe.benchmarks[0], items),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def lineage(tmp_path_factory, quickstart):
    folder = tmp_path_factory.mktemp("hostile")
    rules = quickstart["propose"]["filters"] | {"pattern": None}
    recipe = Recipe.model_validate(quickstart | {"propose": quickstart["propose"] | {"filters": rules, "target": 5}})
    played = Played(folder / "store", recipe)
    given = played.play(collect, sources=sources(recipe, folder), ngram=None, near=None)
    shots = played.draft("collect").read(given["inputs/seeds"])["id"].to_pylist()
    proposed = propose(played, recipe, shots)
    solved = solve(played, proposed["questions"], given["inputs/probe"])
    judged = played.play(judge, recipe.judge, attempts=solved["attempts"], probe=given["inputs/probe"])
    selected = played.play(
        select, recipe.select, questions=proposed["questions"], verdicts=judged["verdicts"],
        probe=given["inputs/probe"], benchmark_items=given["inputs/benchmark_items"],
    )  # fmt: skip
    built = played.play(
        build, recipe.build, selections=selected["selections"], attempts=solved["attempts"], answers=judged["answers"]
    )
    written = [*given.values(), *proposed.values(), *solved.values(), *judged.values(), *built.values()]
    written += selected.values()
    found = contracts((ref.table for ref in written), recipe.validation)
    played.play(validate, recipe.validation, tables=tuple(written), contracts=found)
    train(played, built)
    told = quickstart | {"data": quickstart["data"] | {"seeds": {"path": f"{HOSTILE}.jsonl"}}}
    write_whole(played.lineage.round_folder(1) / "recipe.toml", tomli_w.dumps(told).encode())
    return played.publish()


def propose(played, recipe, shots):
    """One proposal of all the questions and of some that are refused, and one that is hostile."""
    draft = played.draft("propose")
    admission = Admission(draft, recipe.propose, [])
    listed = ["1+1", "1 and 1", "1+1", *list(SAYS)[1:], "6+7"]
    texts = {0: "\n".join(f"{n}. {text}" for n, text in enumerate(listed, 2))[2:], 1: f" {HOSTILE}{LONG}"}
    rows = [
        {"id": draft.row_id(PROPOSALS, 0, index), "wave": 0, "prompt_index": index, "fewshot_ids": shots[:1]}
        | {"prompt": f"1. 5+5 {HOSTILE}\n2.", "text": text, "num_tokens": 9, "finish_reason": "stop"}
        for index, text in texts.items()
    ]
    for row in reversed(rows):
        admission.admit(row)
    draft.write(PROPOSALS, rows)
    draft.write(QUESTIONS, admission.questions)
    draft.write(DROPPED, admission.dropped)
    return played.mark(draft, {}, recipe.propose, model=BASE.digest)


def solve(played, questions, probe):
    draft = played.draft("solve")
    asked = [(row["id"], row["text"]) for row in draft.read(questions).to_pylist()]
    asked += [(row["id"], row["question"]) for row in draft.read(probe).to_pylist()]
    draft.write(ATTEMPTS, [
        {"id": draft.row_id(ATTEMPTS, row_id, sample), "question_id": row_id, "sample": sample, "num_planned": 5}
        | {"prompt": f"{text}=\n", "text": f"{sample} {said}", "num_tokens": int((text, sample) != ("2+2", 0))}
        | {"finish_reason": "stop", "checkpoint": BASE.digest}
        for row_id, text in asked
        for sample, said in enumerate(SAYS[text])
    ])  # fmt: skip
    return played.mark(draft, {}, model=BASE.digest)


def train(played, built):
    draft = played.draft("train")
    row = {"id": draft.row_id(TRAIN_STEPS, "sft", 1), "method": "sft", "step": 1, "loss": 1.0, "learning_rate": 0.1}
    draft.write(TRAIN_STEPS, [row | {"grad_norm": float("nan"), "num_tokens": None, "reward_accuracy": None}])
    figures = {"checkpoint": CANDIDATE.digest, "training_rows": {"sft": built["sft_examples"].rows}}
    inputs = {name: [built[name].digest] for name in ("sft_examples", "preference_pairs")}
    played.mark(draft, figures, model=BASE.digest, **inputs)


def rows(lineage, table):
    """Rows of a table, as they stand."""
    draft = Draft(lineage, 1, "", "", 0)
    return [row for ref in lineage.manifests[0].tables[table] for row in draft.read(ref).to_pylist()]


def dropped(lineage, stage, reason):
    found = [row for row in rows(lineage, "dropped") if (row["stage"], row["reason"]) == (stage, reason)]
    assert found, f"no row was dropped by {stage} for {reason}"
    return found


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
    assert row["id"] in [q["id"] for q in explain(lineage, told.proposal["id"]).questions]
    assert told.training_rows == told.checkpoints == []


def test_a_dropped_seed_shows_the_protected_row_that_it_repeats(lineage):
    (row,) = dropped(lineage, "collect", "contaminated_exact")
    told = explain(lineage, row["id"])
    assert (told.row, told.dropped[0]["text"]) == (None, "7+7")
    assert told.contamination[0]["protected"]["question"] == "7+7"
    assert follow(lineage, row["id"]).rounds == []


def test_what_validation_dropped_is_in_no_training_and_says_for_which_expectation(lineage):
    spoilt = dropped(lineage, "validate", "expect_column_values_to_be_between(num_tokens)")
    (attempt,) = (row for row in spoilt if row["table"] == "attempts")
    example = next(row for row in spoilt if row["table"] == "sft_examples")
    told = explain(lineage, example["id"])
    assert {d["id"] for d in told.dropped} >= {attempt["id"], example["id"]}
    trained = {row["id"]: bool(row["trained"]) for row in told.training_rows if row["table"] == "sft_examples"}
    assert trained.pop(example["id"]) is False
    assert trained and all(trained.values())
    assert follow(lineage, example["id"]).checkpoints == []
    assert [c["digest"] for c in follow(lineage, told.proposal["id"]).checkpoints] == [CANDIDATE.digest]


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
        assert max(map(len, lines)) < 1000 and len(lines) < 120
        as_json = json.dumps(vars(told))
        assert as_json.isascii() and as_json.isprintable()
        whole += LONG in as_json
    assert whole > 15


def test_a_stage_whose_marker_is_gone_is_damage(lineage, tmp_path):
    shutil.copytree(lineage.store, tmp_path / "store")
    for marker in (tmp_path / "store/small/round-0001/stages").glob("judge-*.json"):
        marker.unlink()
    copied = open_lineage(tmp_path / "store", "small")
    with pytest.raises(Damaged, match=r"stages/judge-[0-9a-f]+\.json: gone, or no marker"):
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
