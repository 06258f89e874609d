"""A round whose model is a script: hostile texts, and rows dropped at each stage, by the stages themselves."""

import hashlib
from dataclasses import replace

import orjson
import tomli_w

from flows.recipes import read_recipe
from schemas.advantages import ADVANTAGES
from schemas.attempts import ATTEMPTS
from schemas.base_samples import BASE_SAMPLES
from schemas.dropped import DROPPED
from schemas.evaluations import EVALUATIONS
from schemas.expectations import contracts
from schemas.manifest import CheckpointRef, Manifest, StageRecord
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.recipe import Rows
from schemas.reference_logps import REFERENCE_LOGPS
from schemas.section import Section
from schemas.train_steps import TRAIN_STEPS
from tasks.build import build
from tasks.collect import collect
from tasks.propose import Admission
from tasks.publish import publish
from tasks.select import select
from tasks.sources import Source, Sources
from tasks.store.draft import Draft
from tasks.store.lineage import make_store, open_lineage
from tasks.store.objects import create_once, write_whole
from tasks.validate import validate
from tasks.vote import vote

from .written import score

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

    def draft(self, stage, label=""):
        key = hashlib.sha256(f"{stage}{label}".encode()).hexdigest()[:32]
        return Draft(self.lineage, 1, stage, key, seed=1, label=label)

    def mark(self, draft, figures, **given):
        settings = {name: value for name, value in given.items() if isinstance(value, Section)}
        inputs = {name: value for name, value in given.items() if name not in settings}
        shown = f"{draft.stage}.{draft.label}" if draft.label else draft.stage
        record = StageRecord(
            stage=draft.stage, key=draft.key, played_as=shown, inputs=inputs,
            settings={name: value.model_dump(mode="json") for name, value in settings.items()}, prompts={}, code="",
            versions={}, tables=draft.tables(), figures=figures, dropped=draft.dropped(), seconds=0, tokens=0,
        )  # fmt: skip
        create_once(self.lineage.marker(1, draft.stage, draft.key), orjson.dumps(record.model_dump(mode="json")))
        self.records[shown] = record
        return record.tables

    def play(self, stage, settings=None, **inputs):
        draft = self.draft(stage.__name__)
        given = inputs | ({"settings": settings} if settings else {})
        read = {name: [ref.digest for ref in refs] for name, refs in inputs.items() if name == "tables"}
        sections = {name: value for name, value in given.items() if isinstance(value, Section)}
        return self.mark(draft, stage(draft, **given), **sections, **read)

    def publish(self):
        tables = {}
        for record in self.records.values():
            for name, ref in record.tables.items():
                tables.setdefault(name, []).append(ref)
        manifest = Manifest(
            recipe="small", round=1, method="serl", decision="held", reason=f"as told {HOSTILE}", parent=None,
            base=BASE, champion=BASE, candidate=CANDIDATE, fixed={}, tables=tables, dropped={}, inputs={}, figures={},
            stages={name: record.key for name, record in self.records.items()}, trained_on={},
            scores={"sums": {"base": score(0.7), "candidate": score(0.8)}},
            gate=None, validation={}, seconds={}, tokens={}, started="", finished="", versions={},
            device="cpu", git="unknown", seed=1,
        )  # fmt: skip
        publish(self.lineage.round_folder(1), manifest)
        return open_lineage(self.lineage.store, "small")


def sources(recipe, tmp_path):
    def source(key, *questions):
        rows = tuple({"question": q, "source_row": n} for n, q in enumerate(questions))
        return Source(key, Rows(path="", question="question"), tmp_path, rows, {}, "0" * 64)

    def answered(found):
        return replace(found, rows=tuple(row | {"reference": "18"} for row in found.rows))

    items = answered(source("benchmarks.sums", "7+7", "8+8"))
    data = {
        "seeds": source("data.seeds", f"5+5 {HOSTILE}", "7+7", "6+6"),
        "probe": answered(source("data.probe", "9+9")),
    }
    return Sources(data, ((recipe.benchmarks[0], items),))


def play_script(folder, quickstart):
    """The lineage of one round, published."""
    rules = quickstart["propose"]["filters"] | {"pattern": None}
    recipe = read_recipe(quickstart | {"propose": quickstart["propose"] | {"filters": rules, "target": 5}})
    played = Played(folder / "store", recipe)
    given = played.play(collect, sources=sources(recipe, folder), protection=recipe.contamination)
    shots = played.draft("collect").read(given["inputs/seeds"])["id"].to_pylist()
    proposed = propose(played, recipe, shots)
    solved = solve(played, proposed["questions"], given["inputs/probe"])
    voted = played.play(
        vote, recipe.vote, checks=recipe.answers, attempts=solved["attempts"], probe=given["inputs/probe"]
    )
    selected = played.play(
        select, recipe.select, checks=recipe.answers, protection=recipe.contamination,
        questions=proposed["questions"],
        verdicts=voted["verdicts"],
        probe=given["inputs/probe"], benchmark_items=given["inputs/benchmark_items"],
    )  # fmt: skip
    built = played.play(
        build, recipe.build, selections=selected["selections"], attempts=solved["attempts"], answers=voted["answers"],
        rewards=voted["rewards"], checks=recipe.answers,
    )  # fmt: skip
    written = [*given.values(), *proposed.values(), *solved.values(), *voted.values(), *built.values()]
    written += selected.values()
    found = contracts((ref.table for ref in written), recipe.validation)
    played.play(validate, recipe.validation, tables=tuple(written), contracts=found)
    train(played, built, beside(played, selected["selections"], solved["attempts"], built["preference_pairs"]))
    evaluate(played, given["inputs/benchmark_items"])
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
        {"id": draft.row_id(PROPOSALS, 0, index), "wave": 0, "prompt_index": index, "shown_ids": shots[:1]}
        | {"prompt": f"1. 5+5 {HOSTILE}\n2.", "text": text, "num_tokens": 9, "finish_reason": "stop"}
        for index, text in texts.items()
    ]
    for row in reversed(rows):
        admission.admit(row)
    draft.write(PROPOSALS, rows)
    draft.write(QUESTIONS, admission.questions)
    draft.write(DROPPED, admission.dropped)
    return played.mark(draft, {}, settings=recipe.propose, model=BASE.digest)


def solve(played, questions, probe):
    draft = played.draft("solve")
    asked = [(row["id"], row["question"]) for row in draft.read(questions).to_pylist()]
    asked += [(row["id"], row["question"]) for row in draft.read(probe).to_pylist()]
    draft.write(ATTEMPTS, [
        {"id": draft.row_id(ATTEMPTS, row_id, sample), "question_id": row_id, "sample": sample, "num_planned": 5}
        | {"prompt": f"{text}=\n", "text": f"{sample} {said}", "num_tokens": int((text, sample) != ("2+2", 0))}
        | {"finish_reason": "stop", "checkpoint": BASE.digest}
        for row_id, text in asked
        for sample, said in enumerate(SAYS[text])
    ])  # fmt: skip
    return played.mark(draft, {}, model=BASE.digest)


def beside(played, selections, attempts, pairs):
    """What other ways to train would read: the base's answers, advantages, what a reference says of the pairs."""
    (first, *_), asked = played.draft("build").read(selections).to_pylist(), played.draft("build").read(attempts)
    said = {"prompt": f"{first['question']}=\n", "text": HOSTILE, "num_tokens": 7, "finish_reason": "stop"}
    draft = played.draft("ask_base")
    row_id = draft.row_id(BASE_SAMPLES, first["question_id"])
    draft.write(BASE_SAMPLES, [said | {"id": row_id, "question_id": first["question_id"], "checkpoint": BASE.digest}])
    found = {**played.mark(draft, {}, model=BASE.digest)}
    draft = played.draft("advantage")
    own = [row for row in asked.to_pylist() if row["question_id"] == first["question_id"]]
    draft.write(ADVANTAGES, [
        {"id": draft.row_id(ADVANTAGES, row["id"]), "sample_id": row["id"], "group": row["question_id"]}
        | {"prompt": row["prompt"], "completion": "#2", "reward": 1.0}
        | {"kept": row["sample"] != 1, "prompt_ids": [1, 2], "completion_ids": [3], "old_logps": [-0.25]}
        | {"advantages": [0.125]}
        for row in own
    ])  # fmt: skip
    draft.write(DROPPED, [draft.refused(own[1]["id"], ATTEMPTS, "too_long", 9.0, 8.0)])
    found |= played.mark(draft, {"kept": len(own) - 1}, model=BASE.digest)
    draft = played.draft("train", "reference")
    draft.write(REFERENCE_LOGPS, [
        {"id": draft.row_id(REFERENCE_LOGPS, row["id"]), "pair_id": row["id"], "method": "dpo", "reference": "base"}
        | {"checkpoint": BASE.digest, "chosen_logp": -1.5, "rejected_logp": -2.5}
        for row in draft.read(pairs).to_pylist()
    ])  # fmt: skip
    return found | played.mark(draft, {"checkpoint": CANDIDATE.digest, "training_rows": {}}, base=BASE.digest)


def train(played, built, beside):
    draft = played.draft("train")
    row = {"id": draft.row_id(TRAIN_STEPS, "sft", 1), "method": "sft", "step": 1, "loss": 1.0, "learning_rate": 0.1}
    draft.write(TRAIN_STEPS, [row | {"grad_norm": float("nan"), "num_tokens": None, "reward_accuracy": None}])
    read = {name: [ref.digest] for name, ref in (built | beside).items()}
    figures = {"checkpoint": CANDIDATE.digest, "training_rows": {"sft": built["sft_examples"].rows, "policy": 4}}
    inputs = {name: read[name] for name in ("sft_examples", "preference_pairs", "advantages")}
    played.mark(draft, figures, model=BASE.digest, **inputs)


def evaluate(played, items):
    draft = played.draft("evaluate", "candidate")
    draft.write(EVALUATIONS, [
        {"id": draft.row_id(EVALUATIONS, row["id"], greedy, 0), "item_id": row["id"], "benchmark": row["benchmark"]}
        | {"checkpoint": CANDIDATE.digest, "greedy": greedy, "sample": 0, "text": f"{HOSTILE}#18", "answer": "18"}
        | {"reference": row["reference"], "correct": None, "num_tokens": 3, "finish_reason": "stop"}
        for row in draft.read(items).to_pylist()
        for greedy in (True, False)
    ])  # fmt: skip
    played.mark(draft, {}, model=CANDIDATE.digest)


def rows(lineage, table):
    """Rows of a table, as they stand."""
    draft = Draft(lineage, 1, "", "", 0)
    return [row for ref in lineage.manifests[0].tables[table] for row in draft.read(ref).to_pylist()]


def dropped(lineage, stage, reason):
    found = [row for row in rows(lineage, "dropped") if (row["stage"], row["reason"]) == (stage, reason)]
    assert found, f"no row was dropped by {stage} for {reason}"
    return found
