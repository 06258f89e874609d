"""The recipe: every number and name of a lineage, in one TOML file that is read top to bottom."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from schemas.alarms import Alarms
from schemas.engines import LOCAL, AnyEngine, Executor, OpenAIEngine
from schemas.gate import Gate
from schemas.section import Count, Name, Section
from schemas.settings import Answers, Budget, Contamination, Evaluate, Retention, Validate
from schemas.training import Train


class Model(Section):
    path: str
    """Folder of the base model in transformers' layout, relative to the recipe."""


class OwnModels(Section):
    """Bases of policies with weights of their own, each by the role that it alone speaks in; [model] speaks in the
    others, and is the one that the benchmarks measure."""

    proposer: Model | None = None
    """Base of the policy that writes proposals, and is trained on them alone."""


class Rows(Section):
    path: str
    """JSONL, CSV or Parquet file, or a `datasets` folder, relative to the recipe."""
    question: str = "question"
    """Column that holds the question's text."""
    sample: Count | None = None
    """Use only this many rows, chosen by the hash of the question; without it, all."""


class UnlabelledRows(Rows):
    """Problems that the solver is asked; their answers, if the file has any, are never read."""


class AnsweredRows(Rows):
    answer: str = "answer"
    """Column that holds the true answer, as the solver should give it (a \\boxed{} around it is fine)."""


class SolvedRows(Rows):
    solution: str = "solution"
    """Column that holds a worked solution, as the solver should write it."""


class Documents(Section):
    path: str
    """JSONL, CSV or Parquet file, or a `datasets` folder, relative to the recipe."""
    text: str = "text"
    """Column that holds a document's text."""
    licence: str | None = None
    """Column that holds its licence; without it, none is known."""


class Benchmark(AnsweredRows):
    name: Name
    """What scores of this benchmark are called."""
    sealed: bool = False
    """Protected like the others, and not played, unless gate.sealed names it: then to confirm a gain."""


class Data(Section):
    """The user's files: one field a file, of which inputs/<field> is the table."""


class Seeded(Data):
    seeds: Rows
    """Problems that the first few-shots are drawn from; their answers are never read."""
    probe: AnsweredRows
    """A small labelled set that only measures how often the judge is right."""


class Unlabelled(Data):
    unlabelled: UnlabelledRows
    """Questions that the solver answers; their answers are never read."""
    probe: AnsweredRows
    """A small labelled set that only measures how often the judge is right."""


class Recipe(Section):
    """What every method reads. A method's own class adds its sections, and the rules between them."""

    trains_by: ClassVar[tuple[str, ...]] = ()
    """What train.methods may name."""
    votes: ClassVar[bool] = False
    """Whether its labels are a vote's, whose precision on the probe the gate may ask for."""
    values_by_itself: ClassVar[bool] = False
    """Whether the method says what a reward is held against, and train.policy.advantage does not."""

    name: Name
    """The lineage: a folder of this name in the store."""
    method: Name
    """How a round is composed: a line of METHODS in flows/methods."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Every random choice follows from it."""
    rounds: Count = 1
    """Rounds a run plays, unless --rounds says otherwise."""
    model: Model
    data: Data = Data()
    benchmarks: Annotated[tuple[Benchmark, ...], Field(min_length=1)]
    """Labelled sets that are never trained on; one of them decides promotions."""
    engine: AnyEngine
    """What generates text."""
    executor: Annotated[Executor, Field(discriminator="kind")] = LOCAL
    """Where shards are worked on: it decides nothing of what is written."""
    answers: Answers
    contamination: Contamination = Contamination()
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
        sealed = [b.name for b in self.benchmarks if b.sealed]
        if self.gate.sealed and self.gate.sealed not in sealed:
            raise ValueError(f"gate.sealed: '{self.gate.sealed}' is no sealed benchmark of this recipe")
        guards = [guard.benchmark for guard in self.gate.guards]
        for name in guards:
            if name in (*sealed, self.gate.benchmark) or name not in names or guards.count(name) > 1:
                raise ValueError(f"gate.guards: '{name}' is no other unsealed benchmark, or named twice")
        return self

    @model_validator(mode="after")
    def the_method_can_train_so(self) -> Self:
        if other := [name for name in self.train.methods if name not in self.trains_by]:
            raise ValueError(
                f"train.methods: '{other[0]}' does not go with method = '{self.method}', which trains by "
                f"{', '.join(self.trains_by)}"
            )
        if self.train.policy and self.values_by_itself != (self.train.policy.advantage is None):
            goes = "does not go" if self.values_by_itself else "is needed"
            raise ValueError(f"train.policy.advantage {goes} with method = '{self.method}'")
        return self

    @model_validator(mode="after")
    def the_gate_asks_for_what_is_measured(self) -> Self:
        if self.gate.min_vote_precision is not None and not self.votes:
            raise ValueError(f"gate.min_vote_precision does not go with method = '{self.method}': nobody votes in it")
        return self

    @model_validator(mode="after")
    def another_model_stands_for_nobody(self) -> Self:
        """What must come from the lineage's own weights does not come from another's model."""
        if not self.is_taught:
            return self
        if self.evaluate.engine is None:
            raise ValueError(
                "engine.model cannot answer the benchmarks for base, champion and candidate: say what does, in "
                "[evaluate.engine]"
            )
        if self.train.policy is not None:
            raise ValueError("engine.model does not go with train.methods = ['policy'], which needs its own attempts")
        if self.train.base_samples:
            raise ValueError("engine.model does not go with regularizer = 'base_samples', which asks the base")
        return self

    def refuse(self, ignored: Mapping[str, bool], why: str = "") -> None:
        """Raises ValueError for the first key that is set and that the method would ignore.

        `ignored`: key -> whether it is set.
        """
        for key in (key for key, is_set in ignored.items() if is_set):
            raise ValueError(f"{key} does not go with method = '{self.method}'" + (f": {why}" if why else ""))

    @property
    def own_models(self) -> dict[str, Model]:
        """Role -> base of the policy that speaks in it alone; empty where one policy speaks in all."""
        return {role: model for role, model in getattr(self, "models", ()) if model}

    @property
    def is_taught(self) -> bool:
        """Whether another's model writes questions and attempts."""
        return isinstance(self.engine, OpenAIEngine) and self.engine.model is not None

    @property
    def evaluation_engine(self) -> AnyEngine:
        return self.evaluate.engine or self.engine
