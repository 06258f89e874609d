"""play(stage, ...): the Prefect task around a stage. Key, marker, budget, progress and retries, written once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff
from pydantic import BaseModel

from flows.beside import Beside, Rows
from flows.console import Console
from schemas.errors import BudgetSpent, FactoryError
from schemas.manifest import CheckpointRef, StageRecord, TableRef
from schemas.recipe import Recipe
from schemas.settings import Budget, OpenAIEngine
from tasks.collect import Sources
from tasks.engines.transformers import device_and_dtype
from tasks.prompts import Prompt, load_prompt
from tasks.store.draft import Draft
from tasks.store.keys import code_of, stage_key
from tasks.store.lineage import Lineage
from tasks.store.objects import create_once, write_whole

Stage = Callable[..., dict[str, Any]]


@dataclass
class Spending:
    """What a run has used of the recipe's budget."""

    budget: Budget
    started: float = field(default_factory=time.monotonic)
    tokens: int = 0

    def spend(self, tokens: int) -> None:
        self.tokens += tokens

    def go_on(self) -> None:
        """Raise BudgetSpent at the recipe's bound. Asked between shards: what is generated is written first."""
        minutes = (time.monotonic() - self.started) / 60
        if self.budget.deadline_minutes is not None and minutes >= self.budget.deadline_minutes:
            raise BudgetSpent(f"deadline of {self.budget.deadline_minutes:g} minutes reached")
        if self.budget.max_tokens is not None and self.tokens >= self.budget.max_tokens:
            raise BudgetSpent(f"budget of {self.budget.max_tokens} tokens spent ({self.tokens})")


@dataclass
class Round:
    """One round as a method sees it: what it may use, and `play`."""

    recipe: Recipe
    recipe_folder: Path
    sources: Sources
    lineage: Lineage
    number: int
    base: CheckpointRef
    champion: CheckpointRef
    console: Console
    spending: Spending
    records: dict[str, StageRecord] = field(default_factory=dict)

    def play(
        self, stage: Stage, label: str = "", *, beside: Callable[[Rows], None] | None = None, **inputs: Any
    ) -> StageRecord:
        """Play a stage, or take it from the store if it is whole there. `label` tells two plays of a stage apart.

        `beside` is given each part of the stage's rows as soon as it is whole, in a thread of its own. It decides
        nothing of what the stage writes: it prepares for a later one.
        """
        name = stage.__name__
        shown = f"{name}.{label}" if label else name
        record: StageRecord = _staged.with_options(task_run_name=shown)(
            lambda: _played(self, stage, shown, beside, inputs)
        )
        self.records[shown] = record
        return record

    def prompt(self, name: str) -> Prompt:
        return load_prompt(name, self.recipe_folder)

    def tables_of(self, table: str, decision: str = "") -> tuple[TableRef, ...]:
        """A table of every earlier round, or of those that ended with this decision."""
        rounds = [m for m in self.lineage.manifests if decision in ("", m.decision)]
        return tuple(ref for m in rounds for ref in m.tables.get(table, []))

    def held_tables(self, table: str) -> tuple[TableRef, ...]:
        """A table of every round held since the champion."""
        return tuple(ref for m in self.lineage.held_since_champion for ref in m.tables.get(table, []))


def _is_of_the_world(task: Any, run: Any, state: Any) -> bool:
    """Worth another try: an error of the disk or the network, not of the recipe, the data or the code."""
    try:
        state.result()
    except FactoryError:
        return False  # named already, and tried again where that made sense
    except (OSError, ConnectionError):
        return True
    except BaseException:
        return False
    return False


@task(
    name="stage",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_of_the_world,
)
def _staged(play: Callable[[], StageRecord]) -> StageRecord:
    """The task. It takes a closure: the orchestrator has no business with rows and weights."""
    return play()


def _played(
    round: Round, stage: Stage, shown: str, beside: Callable[[Rows], None] | None, inputs: dict[str, Any]
) -> StageRecord:
    name = stage.__name__
    code, versions = code_of(stage)
    named = {key: _digest(value) for key, value in inputs.items()}
    facts = {"seed": round.recipe.seed, "device": _device(inputs)}
    key = stage_key(name, {**named, **facts}, {}, code, versions)
    if record := _whole(round, name, key):
        round.console.reused(shown, record)
        return record
    round.spending.go_on()
    draft = Draft(
        lineage=round.lineage,
        round=round.number,
        stage=name,
        key=key,
        seed=round.recipe.seed,
        report=round.console.progress(shown),
        spend=round.spending.spend,
        go_on=round.spending.go_on,
    )
    began = time.monotonic()
    with round.console.stage(shown), _worked_beside(draft, beside) as figures_beside:
        figures = stage(draft, **inputs) | figures_beside()
        record = StageRecord(
            stage=name,
            key=key,
            inputs={k: v for k, v in named.items() if not isinstance(inputs[k], BaseModel) or _is_ref(inputs[k])},
            settings={k: v for k, v in named.items() if isinstance(inputs[k], BaseModel) and not _is_ref(inputs[k])},
            prompts={value.name: value.text for value in inputs.values() if isinstance(value, Prompt)},
            code=code,
            versions=versions,
            tables=draft.tables(),
            figures=figures,
            dropped=draft.dropped(),
            seconds=round_off(time.monotonic() - began),
            tokens=draft.tokens,
        )
        _mark(round, record)
    round.console.played(shown, record)
    return record


@contextmanager
def _worked_beside(draft: Draft, work: Callable[[Rows], None] | None) -> Iterator[Callable[[], dict[str, Any]]]:
    """Hand the draft's parts over; what is yielded waits for the work on them and returns its figures."""
    if work is None:
        yield dict
        return
    beside = Beside(work)
    draft.hand_over = beside.take
    try:
        yield lambda: {"beside": beside.finish()}
    finally:
        beside.abandon()


def round_off(seconds: float) -> float:
    return float(f"{seconds:.3f}")


def _whole(round: Round, name: str, key: str) -> StageRecord | None:
    """The stage of this key, from this round's draft or, copied, from an earlier round."""
    for number, record in round.lineage.stage_records(name, key):
        if number == round.number:
            return record
        copied = _copied(round, number, record)
        _mark(round, copied)
        return copied
    return None


def _copied(round: Round, number: int, record: StageRecord) -> StageRecord:
    """An earlier round's tables, byte for byte, so that each round's folder is whole by itself."""
    source, target = round.lineage.round_folder(number), round.lineage.round_folder(round.number)
    tables = {}
    for table, ref in record.tables.items():
        inside = Path(ref.path).relative_to(source.name)
        for file in ref.files:
            write_whole(target / inside / file, (source / inside / file).read_bytes())
        tables[table] = ref.model_copy(update={"path": (Path(target.name) / inside).as_posix()})
    origin = record.reused_from or f"{round.recipe.name}/{number}"
    return record.model_copy(update={"tables": tables, "reused_from": origin})


def _mark(round: Round, record: StageRecord) -> None:
    path = round.lineage.round_folder(round.number) / "stages" / f"{record.stage}-{record.key}.json"
    create_once(path, orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_INDENT_2))


def _device(inputs: dict[str, Any]) -> str:
    """cuda or cpu, for a stage that computes with weights in this process."""
    in_this_process = "model" in inputs and not isinstance(inputs.get("engine"), OpenAIEngine)
    return device_and_dtype()[0] if in_this_process else ""


def _is_ref(value: Any) -> bool:
    return isinstance(value, TableRef | CheckpointRef)


def _digest(value: Any) -> Any:
    """What of an input decides the output: the digest of data, weights and prompts; the value of settings."""
    if isinstance(value, TableRef | CheckpointRef | Prompt | Sources):
        return value.digest
    if isinstance(value, OpenAIEngine):
        return value.kind  # where the server stands and how it is asked change nothing; the weights are in the key
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_digest(entry) for entry in value]
    assert value is None or isinstance(value, str | int | float), f"not a stage input: {value!r}"
    return value
