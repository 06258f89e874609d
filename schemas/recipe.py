"""The recipe: every number and name of a lineage, in one TOML file that is read top to bottom."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from schemas.alarms import Alarms
from schemas.errors import BadInput
from schemas.settings import (
    Budget,
    Build,
    Count,
    Evaluate,
    Gate,
    Judge,
    Name,
    OpenAIEngine,
    Propose,
    Retention,
    Section,
    Select,
    Solve,
    TransformersEngine,
    Validate,
)  # fmt: skip
from schemas.training import Train


class Model(Section):
    path: str
    """Folder of the base model in transformers' layout, relative to the recipe."""


class Rows(Section):
    path: str
    """JSONL, CSV or Parquet file, or a `datasets` folder, relative to the recipe."""
    question: str
    """Column that holds the question's text."""
    sample: Count | None = None
    """Use only this many rows, chosen by the hash of the question; without it, all."""


class AnsweredRows(Rows):
    answer: str
    """Column that holds the true answer, as the solver should give it (a \\boxed{} around it is fine)."""


class Benchmark(AnsweredRows):
    name: Name
    """What scores of this benchmark are called."""
    sealed: bool = False
    """Never played in a round, only protected: kept for a final look."""


class Data(Section):
    seeds: Rows
    """Problems that the first few-shots are drawn from; their answers are never read."""
    probe: AnsweredRows
    """A small labelled set that only measures how often the vote is right."""


class Recipe(Section):
    name: Name
    """The lineage: a folder of this name in the store."""
    method: Name
    """How a round is composed: a line of METHODS in flows/methods."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Every random choice follows from it."""
    rounds: Count
    """Rounds a run plays, unless --rounds says otherwise."""
    model: Model
    data: Data
    benchmarks: Annotated[tuple[Benchmark, ...], Field(min_length=1)]
    """Labelled sets that are never trained on; one of them decides promotions."""
    engine: Annotated[TransformersEngine | OpenAIEngine, Field(discriminator="kind")]
    """What generates text."""
    propose: Propose
    solve: Solve
    judge: Judge
    select: Select
    build: Build
    validation: Validate
    train: Train
    evaluate: Evaluate
    gate: Gate
    alarms: Alarms = Alarms()
    budget: Budget = Budget()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def names_fit_together(self) -> Self:
        if self.name == "objects":
            raise ValueError("name: 'objects' is the store's own folder")
        names = [benchmark.name for benchmark in self.benchmarks]
        if len(set(names)) != len(names):
            raise ValueError("benchmarks: two share a name")
        if self.gate.benchmark not in [b.name for b in self.benchmarks if not b.sealed]:
            raise ValueError(f"gate.benchmark: '{self.gate.benchmark}' is no unsealed benchmark of this recipe")
        if self.propose.max_own_fewshots > self.propose.num_fewshots:
            raise ValueError("propose.max_own_fewshots exceeds propose.num_fewshots")
        if self.solve.early_stopping and self.judge.rule != "classes":
            raise ValueError("solve.early_stopping goes with judge.rule = 'classes'")
        return self


def load_recipe(path: Path) -> tuple[Recipe, str]:
    """The recipe in a TOML file, and its text as it will be kept with each round.

    Raises BadInput with one line: file, key, value, what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error.__class__.__name__}); give the path of a recipe") from error
    try:
        return Recipe.model_validate(tomllib.loads(text)), text
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise BadInput(f"{path}: {_first_line_of(error)}") from error


def _first_line_of(error: ValidationError) -> str:
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    key = ".".join(str(part) for part in first["loc"] if part not in ("transformers", "openai")) or "recipe"
    expected = first["msg"].removeprefix("Value error, ")
    silent = ("missing", "value_error", "extra_forbidden")  # an unknown key may hold a secret
    value = "" if first["type"] in silent else f" = {str(repr(first['input']))[:80]}"
    return f"{key}{value}: {expected}" + (f" (and {more} more)" if more else "")
