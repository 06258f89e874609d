"""The recipe: every number and name of a lineage, in one TOML file that is read top to bottom."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from schemas.alarms import Alarms
from schemas.controls import Controls
from schemas.engines import LOCAL, AnyEngine, Executor, OpenAIEngine
from schemas.errors import BadInput
from schemas.gate import Gate
from schemas.section import Count, Name, Section
from schemas.settings import Budget, Build, Evaluate, Judge, Propose, Retention, Select, Solve, Validate
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


class SolvedRows(Rows):
    solution: str
    """Column that holds a worked solution, as the solver should write it."""


class Benchmark(AnsweredRows):
    name: Name
    """What scores of this benchmark are called."""
    sealed: bool = False
    """Protected like the others, and not played, unless gate.sealed names it: then to confirm a gain."""


class Data(Section):
    seeds: Rows
    """Problems that the first few-shots are drawn from; their answers are never read."""
    probe: AnsweredRows
    """A small labelled set that only measures how often the vote is right."""
    gold: SolvedRows | None = None
    """Problems with worked solutions, to train on as they are or against the model's own attempts."""


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
    engine: AnyEngine
    """What generates text."""
    executor: Annotated[Executor, Field(discriminator="kind")] = LOCAL
    """Where shards are worked on: it decides nothing of what is written."""
    propose: Propose
    solve: Solve
    judge: Judge
    select: Select
    build: Build | None = None
    """Goes with every method of training but 'policy', which trains on the attempts themselves."""
    validation: Validate
    train: Train
    evaluate: Evaluate
    gate: Gate
    alarms: Alarms = Alarms()
    budget: Budget = Budget()
    retention: Retention = Retention()
    controls: Controls = Controls()

    @model_validator(mode="after")
    def names_fit_together(self) -> Self:
        if self.name == "objects":
            raise ValueError("name: 'objects' is the store's own folder")
        names = [benchmark.name for benchmark in self.benchmarks]
        if len(set(names)) != len(names):
            raise ValueError("benchmarks: two share a name")
        if self.gate.benchmark not in [b.name for b in self.benchmarks if not b.sealed]:
            raise ValueError(f"gate.benchmark: '{self.gate.benchmark}' is no unsealed benchmark of this recipe")
        sealed = [b.name for b in self.benchmarks if b.sealed]
        if self.gate.sealed and self.gate.sealed not in sealed:
            raise ValueError(f"gate.sealed: '{self.gate.sealed}' is no sealed benchmark of this recipe")
        guards = [guard.benchmark for guard in self.gate.guards]
        for name in guards:
            if name in (*sealed, self.gate.benchmark) or name not in names or guards.count(name) > 1:
                raise ValueError(f"gate.guards: '{name}' is no other unsealed benchmark, or named twice")
        if self.propose.max_own_fewshots > self.propose.num_fewshots:
            raise ValueError("propose.max_own_fewshots exceeds propose.num_fewshots")
        self._training_has_its_sections()
        self._another_model_stands_for_nobody()
        if self.controls.random_label and self.judge.rule != "classes":
            raise ValueError(
                f"controls.random_label = true with judge.rule = '{self.judge.rule}': its questions are those of the "
                "rule 'classes'; set judge.rule = 'classes', or leave the control out"
            )
        if self.solve.early_stopping and self.judge.rule != "classes":
            raise ValueError("solve.early_stopping goes with judge.rule = 'classes'")
        return self

    @model_validator(mode="after")
    def gold_is_there_where_it_is_used(self) -> Self:
        build = self.build
        users = {
            "controls.seeds_alone": self.controls.seeds_alone,
            "build.gold_share": build is not None and build.gold_share > 0,
            "build.pairs = 'gold_self'": build is not None and build.pairs == "gold_self",
        }
        if self.data.gold is None and (asking := [name for name, asks in users.items() if asks]):
            raise ValueError(f"{asking[0]} needs [data.gold]")
        if self.data.gold is not None and not any(users.values()):
            raise ValueError(f"[data.gold] is not used: set one of {', '.join(users)}, or leave it out")
        if build is None:
            return self
        if (build.gold_share or build.replay_share) and self.train.sft is None:
            raise ValueError("build.gold_share and build.replay_share go with 'sft' in train.methods")
        if build.pairs != "correct_incorrect" and "preference_pairs" not in self.train.reads:
            raise ValueError(f"build.pairs = '{build.pairs}': no method in train.methods reads pairs")
        return self

    @property
    def evaluation_engine(self) -> AnyEngine:
        return self.evaluate.engine or self.engine

    def _another_model_stands_for_nobody(self) -> None:
        """What must come from the lineage's own weights does not come from another's model."""
        if not isinstance(self.engine, OpenAIEngine) or self.engine.model is None:
            return
        if self.evaluate.engine is None:
            raise ValueError(
                "engine.model cannot answer the benchmarks for base, champion and candidate: say what does, in "
                "[evaluate.engine]"
            )
        if self.train.policy is not None:
            raise ValueError("engine.model does not go with train.methods = ['policy'], which needs its own attempts")
        if self.build is not None and self.build.pairs == "gold_self":
            raise ValueError("engine.model does not go with build.pairs = 'gold_self', which needs its own attempts")
        if self.train.base_samples:
            raise ValueError("engine.model does not go with regularizer = 'base_samples', which asks the base")

    def _training_has_its_sections(self) -> None:
        if self.train.base_samples and self.build is not None and self.build.pairs == "gold_self":
            raise ValueError(
                "train.rspo.regularizer = 'base_samples' does not go with build.pairs = 'gold_self': the base "
                "answers selected questions, not gold ones"
            )
        policy, limits = self.train.policy is not None, self.validation
        for key, value, goes in (
            ("build", self.build, not policy),
            ("validation.min_sft_examples", limits.min_sft_examples, not policy),
            ("validation.min_preference_pairs", limits.min_preference_pairs, not policy),
            ("validation.min_policy_rows", limits.min_policy_rows, policy),
        ):
            if goes != (value is not None):
                methods = '", "'.join(self.train.methods)
                raise ValueError(f'{key} {"is needed" if goes else "does not go"} with train.methods = ["{methods}"]')
        if policy and self.controls != Controls():
            raise ValueError("controls do not go with train.methods = ['policy']")
        sampling = self.solve.sampling
        changes = (sampling.temperature, sampling.top_p, sampling.top_k, sampling.presence_penalty)
        if policy and (self.solve.early_stopping or changes != (1, 1, 0, 0)):
            raise ValueError(
                "solve: 'policy' in train.methods needs whole groups from the policy as it is: early_stopping = "
                "false, temperature = 1, top_p = 1, top_k = 0, presence_penalty = 0"
            )


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
    kinds = ("transformers", "openai", "vllm", "local", "ray")  # pydantic names the kind that it took
    key = ".".join(str(part) for part in first["loc"] if part not in kinds) or "recipe"
    expected = first["msg"].removeprefix("Value error, ")
    silent = ("missing", "value_error", "extra_forbidden")  # an unknown key may hold a secret
    value = "" if first["type"] in silent else f" = {str(repr(first['input']))[:80]}"
    return f"{key}{value}: {expected}" + (f" (and {more} more)" if more else "")
