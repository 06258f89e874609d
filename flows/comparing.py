"""Two checkpoints of a store on a file that a user brings, by the gate's own test."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.checking import refuse_if_the_checker_errs
from flows.console import Console
from flows.recipes import read_recipe
from schemas.errors import BadInput
from schemas.gate import Comparison, Gate
from schemas.inputs import BENCHMARK_ITEMS
from schemas.manifest import CheckpointRef, Manifest, Score
from schemas.recipe import AnsweredRows, Recipe
from schemas.settings import Evaluate
from tasks.answers.equality import equality
from tasks.audit.comparison import Marks, compared, marks_of
from tasks.audit.scores import majorities, score
from tasks.engines import Checkpoint, close_engine, open_engine
from tasks.evaluate import answered, shards
from tasks.prompts import Prompt
from tasks.sources import read_source
from tasks.store.lineage import Lineage
from tasks.store.naming import open_checkpoint
from tasks.store.parquet import read_table

Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """A checkpoint as a user names it: `quickstart/3`, what that round trained, `quickstart/champion` or
    `quickstart/base`."""

    name: str
    lineage: Lineage
    round: Manifest
    """Of the base, the first round."""
    checkpoint: CheckpointRef


@dataclass(frozen=True)
class Compared:
    """What was found of b against a, by the rules of the gate of b's round."""

    comparison: Comparison
    scores: tuple[Score, Score]
    unusable: dict[str, int]
    """Reason -> rows of the file that could not be used."""
    gate: Gate


def compare_on(store: str, a: str, b: str, path: Path, columns: tuple[str, str], console: Console) -> Compared:
    """Whether b is better than a on the rows of a file, asked and marked as b's round was: by their greedy answers,
    as at the gate. And their scores, of greedy answers and samples. What a gate's sealed benchmark holds is left out.

    `columns`: question and answer. Raises BadInput for what cannot be compared.
    """
    before, after = (Side(name, *open_checkpoint(store, name)) for name in (a, b))
    asked = AnsweredRows(path=str(path), question=columns[0], answer=columns[1])
    source = read_source("--on", asked, Path.cwd(), _sealed_questions(before) | _sealed_questions(after))
    recipe, prompt = _as_played(after)
    if not isinstance(recipe.evaluate, Evaluate):
        raise BadInput(f"{b}: method = '{recipe.method}' answers no questions: there is no file to compare it on")
    refuse_if_the_checker_errs(source, asked, recipe.answers)
    items = [row | {"id": str(n), "benchmark": path.stem} for n, row in enumerate(source.rows)]
    try:
        (old, first), (new, second) = (_answers(side, recipe, prompt, items, console) for side in (before, after))
    finally:
        close_engine()
    found = compared(path.stem, old, new, recipe.gate.test, recipe.gate.level, recipe.seed)
    return Compared(found, (first, second), source.unusable, recipe.gate)


def _sealed_questions(side: Side) -> dict[str, str]:
    """Questions of the benchmark that confirms promotions: answered here, they would be read uncounted."""
    sealed = _as_played(side)[0].gate.sealed
    return {
        row["question"]: f"in {sealed}, which is sealed"
        for ref in side.round.tables.get(BENCHMARK_ITEMS.name, [])
        for row in read_table(side.lineage.folder, ref, BENCHMARK_ITEMS).to_pylist()
        if row["benchmark"] == sealed
    }


def _as_played(side: Side) -> tuple[Recipe, Prompt]:
    """The recipe and the words that a side's round was evaluated with."""
    name, lineage, m = side.name, side.lineage, side.round
    text, key = lineage.document(m.round, "recipe.toml"), m.stages.get("evaluate.base", "")
    record = lineage.stage_record(m.round, "evaluate", key)
    if text is None or record is None:
        raise BadInput(f"{name}: it was not evaluated, so there is no way to ask that it could be compared in")
    try:
        recipe = read_recipe(tomllib.loads(text.decode()))
    except (ValueError, BadInput) as error:
        raise BadInput(f"{name}: its recipe is not one that this version can read; check out {m.git}") from error
    ((template, words),) = record.prompts.items()
    return recipe, Prompt(template, words)


def _answers(side: Side, recipe: Recipe, prompt: Prompt, items: list[Row], console: Console) -> tuple[Marks, Score]:
    """Item -> whether its greedy answer is right, and the scores."""
    checkpoint = Checkpoint(side.checkpoint.digest, side.lineage.checkpoint_folder(side.checkpoint))
    benchmark, work, rows = items[0]["benchmark"], shards(recipe.evaluate, items), []
    with (
        console.stage(side.name),
        equality(recipe.answers) as compare,
        open_engine(recipe.evaluation_engine, checkpoint) as generator,
    ):
        report, total = console.progress(side.name), sum(len(asked) * n for asked, _, n in work)
        for asked, sampling, n in work:
            rows += answered(generator, prompt, recipe.answers, compare, asked, sampling, n)
            report(len(rows), total, "answers")
        found = score(rows, benchmark, majorities(rows, benchmark, recipe.answers, compare))
    return marks_of(rows, benchmark), found
