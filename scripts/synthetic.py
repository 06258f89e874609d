"""A lineage of any size for benchmarks: real rounds of the quickstart, but for what a model would do.

`serl` composes them; collect, vote, select, build and gate are the stages themselves. What propose, solve, train and
evaluate write is made up (pseudo-random words, numbers for answers), and validate finds nothing to drop.
"""

import random
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import orjson
import tomli_w

from flows import environment

environment.prepare()

from flows.keyed import keyed, whole  # noqa: E402
from flows.methods.serl import serl  # noqa: E402
from flows.plan import next_round  # noqa: E402
from flows.preflight import Plan, preflight  # noqa: E402
from flows.published import manifest_of  # noqa: E402
from flows.round import Round, Stage, Work  # noqa: E402
from schemas.attempts import ATTEMPTS  # noqa: E402
from schemas.dropped import DROPPED  # noqa: E402
from schemas.evaluations import EVALUATIONS  # noqa: E402
from schemas.manifest import StageRecord, TableRef, ValidRows  # noqa: E402
from schemas.proposals import PROPOSALS  # noqa: E402
from schemas.questions import QUESTIONS  # noqa: E402
from schemas.train_steps import TRAIN_STEPS  # noqa: E402
from tasks.publish import now, publish  # noqa: E402
from tasks.roles import Role  # noqa: E402
from tasks.statistics.intervals import wilson  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import make_store, open_lineage  # noqa: E402
from tasks.store.objects import create_once, keep_checkpoint, write_whole  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "deployments/recipes/quickstart.toml"
ITEMS_A_PROPOSAL = 4  # of which one is refused
CHARACTERS = {"question": 120, "attempt": 400, "evaluation": 200}
Row = dict[str, Any]


def synthetic_recipe(folder: Path, attempts: int) -> Path:
    """The quickstart with as many questions as make so many attempts a round, those at the probe included."""
    recipe = tomllib.loads(QUICKSTART.read_text())
    beside = QUICKSTART.parent
    recipe["name"], recipe["model"]["path"] = "synthetic", str((beside / recipe["model"]["path"]).resolve())
    for rows in (*recipe["data"].values(), *recipe["benchmarks"]):
        rows["path"] = str((beside / rows["path"]).resolve())
    samples, probe = recipe["solve"]["num_samples"], 100
    recipe["propose"]["target"] = max(1, attempts // samples - probe)
    path = folder / "synthetic.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


def play_rounds(recipe: Path, store: Path, until: int) -> None:
    """Publish rounds up to this number."""
    plan = preflight(recipe, store)
    make_store(plan.store)
    keep_checkpoint(plan.store / "objects", plan.model)
    while (lineage := open_lineage(plan.store, plan.recipe.name)).next_round <= until:
        promoted, round = lineage.champion_round, next_round(plan, lineage, Pretended(plan))
        folder, started = lineage.round_folder(round.number), now()
        write_whole(folder / "recipe.toml", plan.recipe_text.encode())
        serl(round)
        parent = f"{promoted.recipe}/{promoted.round}" if promoted else None
        publish(folder, manifest_of(round, plan, parent, started, None, 1))


@dataclass
class Pretended:
    """Plays stages as `flows/stage.py` does, without Prefect; for those that ask a model, makes up what it says."""

    plan: Plan
    choice: random.Random = field(default_factory=lambda: random.Random(1))

    def __call__(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        made_of = keyed(round, stage, inputs)
        if found := whole(round, made_of):
            number, record = found
            return record if number == round.number else _marked(round, _copied(round, number, record))
        draft = Draft(
            round.lineage, round.number, made_of.name, made_of.key, round.recipe.seed, label=shown.partition(".")[2]
        )
        self.choice.seed(f"{round.number}{shown}")
        pretended: Callable[..., Row] = getattr(self, made_of.name, stage)
        figures = pretended(draft, **inputs)
        parts = {
            name: getattr(made_of, name)
            for name in ("key", "inputs", "settings", "prompts", "facts", "code", "versions")
        }
        record = StageRecord(
            stage=made_of.name, played_as=shown, tables=draft.tables(), figures=figures, dropped=draft.dropped(),
            seconds=1.0, tokens=draft.tokens, **parts,
        )  # fmt: skip
        return _marked(round, record)

    @cached_property
    def prose(self) -> str:
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        choice = random.Random(2)
        words = ["".join(choice.choices(letters, k=choice.randint(2, 9))) for _ in range(5000)]
        return " ".join(choice.choices(words, k=500_000))

    def text(self, kind: str) -> str:
        begin = self.choice.randrange(len(self.prose) - 1000)
        return self.prose[begin : begin + self.choice.randint(CHARACTERS[kind] // 2, CHARACTERS[kind] * 3 // 2)]

    def propose(self, draft: Draft, *, settings: Any, seeds: TableRef, shown: ValidRows, **_: Any) -> Row:
        pool = draft.read(shown.tables[-1] if shown.tables else seeds)["id"].to_pylist()
        proposals: list[Row] = []
        questions: list[Row] = []
        dropped: list[Row] = []
        while len(questions) < settings.target:
            index = len(proposals)
            items = [f"{self.text('question')} {draft.round} {index} {item}" for item in range(ITEMS_A_PROPOSAL)]
            shots = self.choice.sample(pool, settings.num_fewshots)
            row: Row = {
                "id": draft.row_id(PROPOSALS, 0, index),
                "wave": 0,
                "prompt_index": index,
                "shown_ids": shots,
            }
            prompt, said = (
                f"1. {self.text('question')}\n2.",
                "\n".join(f"{n}. {text}" for n, text in enumerate(items, 2)),
            )
            proposals.append(
                row | {"prompt": prompt, "text": said, "num_tokens": 160, "finish_reason": "stop", "verified": True}
            )
            for item, text in enumerate(items):
                row_id = draft.row_id(QUESTIONS, row["id"], item)
                if item == ITEMS_A_PROPOSAL - 1 or len(questions) == settings.target:
                    score = self.choice.random()
                    dropped.append(draft.refused(row_id, QUESTIONS, "not_new", score, 0.7, text, parents=[row["id"]]))
                else:
                    questions.append(
                        {"id": row_id, "proposal_id": row["id"], "item": item, "position": len(questions)}
                        | {"question": text, "nearest_score": 0.7, "nearest_id": None}
                    )
        draft.write(PROPOSALS, proposals)
        draft.write(QUESTIONS, questions)
        draft.write(DROPPED, dropped)
        return {"proposed": len(questions) + len(dropped), "waves": 1}

    def solve(
        self, draft: Draft, *, settings: Any, solver: Role, questions: TableRef, probe: TableRef, **_: Any
    ) -> Row:
        ease, number = self.choice.random, partial(self.choice.randrange, 1000)
        asked = [(row["id"], row["question"], ease(), number()) for row in draft.read(questions).to_pylist()]
        asked += [(row["id"], row["question"], 0.9, int(row["reference"])) for row in draft.read(probe).to_pylist()]
        size = settings.questions_per_shard
        for part in range(0, len(asked), size):
            rows = [
                row
                for question in asked[part : part + size]
                for row in self._attempts(draft, settings, solver, *question)
            ]
            draft.write(ATTEMPTS, rows, part // size)
        return {"attempts": len(asked) * settings.num_samples, "truncated": 0}

    def _attempts(
        self, draft: Draft, settings: Any, solver: Role, row_id: str, question: str, ease: float, truth: int
    ) -> list[Row]:
        """As many agree as the question is easy: often all, sometimes a tie."""
        answers = [
            truth + (self.choice.random() > ease) * self.choice.randrange(1, 4) for _ in range(settings.num_samples)
        ]
        return [
            {"id": draft.row_id(ATTEMPTS, row_id, sample), "question_id": row_id, "sample": sample}
            | {
                "num_planned": settings.num_samples,
                "prompt": f"{question}=\n",
                "text": f"{self.text('attempt')}\n#{answer}",
            }
            | {"num_tokens": 130, "finish_reason": "stop", "checkpoint": solver.model.digest, "verified": True}
            for sample, answer in enumerate(answers)
        ]

    def validate(self, draft: Draft, *, tables: tuple[TableRef, ...], **_: Any) -> Row:
        draft.write(DROPPED, [])
        checked = {ref.path: {"rows": ref.rows, "failing_rows": 0} for ref in tables}
        return {"passed": True, "failures": [], "tables": checked}

    def train(self, draft: Draft, *, settings: Any, sft_examples: ValidRows, **_: Any) -> Row:
        folder = draft.folder / "weights"
        shutil.copytree(self.plan.model, folder)
        (folder / "config.json").write_text((folder / "config.json").read_text() + "\n" * draft.round)
        candidate = keep_checkpoint(draft.lineage.objects, folder)
        shutil.rmtree(folder)
        draft.write(TRAIN_STEPS, [
            {"id": draft.row_id(TRAIN_STEPS, "sft", step), "method": "sft", "step": step, "loss": 1 / step}
            | {"learning_rate": 1e-3, "grad_norm": 1.0, "num_tokens": 1000 * step, "reward_accuracy": None}
            for step in range(1, settings.sft.steps + 1)
        ])  # fmt: skip
        return {
            "checkpoint": candidate.digest,
            "training_rows": {"sft": sum(ref.rows for ref in sft_examples.tables)},
        }

    def evaluate(self, draft: Draft, *, solver: Role, benchmark_items: TableRef, **_: Any) -> Row:
        """Each round's candidate is a little better; every third is not."""
        share = 0.5 + 0.02 * (draft.round - 3 * (draft.round % 3 == 0))
        items = [row for row in draft.read(benchmark_items).to_pylist() if not row["sealed"]]
        right = [self.choice.random() < share for _ in items]
        draft.write(EVALUATIONS, [
            {"id": draft.row_id(EVALUATIONS, item["id"], True, 0), "item_id": item["id"]}
            | {"benchmark": item["benchmark"], "checkpoint": solver.model.digest, "greedy": True, "sample": 0}
            | {"text": self.text("evaluation"), "correct": correct}
            | {"answer": item["reference"] if correct else "0", "reference": item["reference"]}
            | {"num_tokens": 60, "finish_reason": "stop", "verified": True}
            for item, correct in zip(items, right, strict=True)
        ])  # fmt: skip
        return {"scores": {items[0]["benchmark"]: wilson(sum(right), len(right)).model_dump()}}


def _copied(round: Round[Any], number: int, record: StageRecord) -> StageRecord:
    source, target = round.lineage.round_folder(number), round.lineage.round_folder(round.number)
    for ref in record.tables.values():
        shutil.copytree(round.lineage.folder / ref.path, target / Path(ref.path).relative_to(source.name))
    tables = {
        name: ref.model_copy(update={"path": ref.path.replace(source.name, target.name)})
        for name, ref in record.tables.items()
    }
    origin = record.reused_from or f"{round.recipe.name}/{number}"
    return record.model_copy(update={"tables": tables, "reused_from": origin})


def _marked(round: Round[Any], record: StageRecord) -> StageRecord:
    create_once(
        round.lineage.marker(round.number, record.stage, record.key), orjson.dumps(record.model_dump(mode="json"))
    )
    return record
