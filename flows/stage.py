"""What is around a stage: key, marker, budget, progress, tries and artifacts, written once."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flows.artifacts import stage_progress
from flows.beside import Beside
from flows.console import Console
from flows.keyed import Keyed, changed, has_objects, keyed, whole
from flows.libraries import load_for_models
from flows.round import Round, Stage, Work
from schemas.engines import RayExecutor
from schemas.errors import BudgetSpent, Damaged, FactoryError
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from schemas.settings import Budget
from tasks.engines import make_room
from tasks.engines.staged import unanswered
from tasks.figures import many
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.listing import files_below
from tasks.store.lock import Lock
from tasks.store.objects import create_once, whole_file, write_whole
from tasks.store.place import is_of_the_world, local_twin
from tasks.training.resume import remove_work

Play = Callable[[], StageRecord]
WAITS = (2.0, 4.0)  # seconds before another try
AROUND: ContextVar[Callable[[str, Play], StageRecord]] = ContextVar("around", default=lambda shown, play: play())
"""How a stage is played, by the name it is shown under: bare, or as a task that a server is told of."""


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
            raise BudgetSpent(f"budget of {many(self.budget.max_tokens, 'token')} spent ({self.tokens})")


@dataclass
class Stages:
    """Plays the stages of one round: a round's player."""

    console: Console
    spending: Spending
    lock: Lock
    again_from: str = ""
    """The stage from which on what is whole in this round's draft is played again."""
    _again: bool = False
    _forgotten: set[str] = field(default_factory=set)

    def __call__(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        return AROUND.get()(shown, lambda: self._persistently(round, stage, shown, beside, inputs))

    def _persistently(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        """Play it, twice more if the disk or the network fails; not if the recipe, the data or the code do."""
        for wait in WAITS:
            try:
                return self._played(round, stage, shown, beside, inputs)
            except FactoryError:  # named already, and tried again where that made sense
                raise
            except Exception as error:
                if not is_of_the_world(error):
                    raise
                self.console.note(f"  {shown}: {error}; trying again in {wait:.0f} s")
            time.sleep(wait * random.uniform(1, 1.5))  # of many machines, not all at once
        return self._played(round, stage, shown, beside, inputs)

    def _played(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        self._go_on()
        made_of = keyed(round, stage, inputs)
        self._again = self._again or self.again_from in (shown, stage.__name__)
        if self._again and made_of.key not in self._forgotten:  # once: another label, or another try, goes on from it
            self._forgotten.add(made_of.key)
            self.lock.prove()
            _forget(round, made_of)
        elif record := _from_the_store(round, made_of, self.lock.prove):
            self.console.reused(shown, record)
            return record
        on_a_cluster = isinstance(round.recipe.executor, RayExecutor)
        why = [f"{', '.join(differing)} changed"] if (differing := changed(round, shown, made_of)) else []
        with self.console.stage(shown), stage_progress(shown) as tracked:
            report = self.console.progress(shown)
            draft = Draft(
                lineage=round.lineage,
                round=round.number,
                stage=made_of.name,
                key=made_of.key,
                seed=round.recipe.seed,
                label=shown.partition(".")[2],
                report=lambda *so_far: (report(*so_far), tracked(*so_far))[0],
                spend=self.spending.spend,
                go_on=self._go_on,
                prove=self.lock.prove,
                resumed=lambda place: why.append(f"resumed at {place}"),
                executor=round.recipe.executor,
            )
            asks, has_weights = (any(isinstance(g, k) for g in inputs.values()) for k in (Role, CheckpointRef))
            if not asks and (has_weights or on_a_cluster):
                make_room()  # training wants the memory, and judging the cluster's cores
            if asks or has_weights or any(isinstance(g, TableRef | ValidRows | tuple) for g in inputs.values()):
                load_for_models()  # only what the user brought is read beside that: two imports at once can fail
            began = time.monotonic()
            # on a cluster, the judge has more cores than this machine could work ahead with
            with _worked_beside(draft, None if on_a_cluster else beside) as figures_beside:
                figures = stage(draft, **inputs) | figures_beside()
            if asks and (lost := unanswered(draft, round.recipe.validation.max_unanswered)):
                figures["unanswered"] = lost
            if asks and draft.server:
                figures["server"] = draft.server
            self.lock.prove()
            record = _marked(round, shown, made_of, draft, figures, time.monotonic() - began)
            for work in (draft.kept, draft.scratch):
                remove_work(work)  # what a resume would have needed
        self.console.played(shown, record, why)
        return record

    def _go_on(self) -> None:
        self.lock.check()
        self.spending.go_on()


@contextmanager
def _worked_beside(draft: Draft, work: Work | None) -> Iterator[Callable[[], dict[str, Any]]]:
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


def _marked(
    round: Round[Any], shown: str, stage: Keyed, draft: Draft, figures: dict[str, Any], seconds: float
) -> StageRecord:
    """Say that the stage is whole. Of two writers the first one's marker holds."""
    record = StageRecord(
        stage=stage.name,
        key=stage.key,
        played_as=shown,
        inputs=stage.inputs,
        settings=stage.settings,
        prompts=stage.prompts,
        facts=stage.facts,
        code=stage.code,
        versions=stage.versions,
        tables=draft.tables(),
        figures=figures,
        dropped=draft.dropped(),
        seconds=float(f"{seconds:.3f}"),
        tokens=draft.tokens,
        caches=draft.caches,
    )
    return _mark(round, record)


def _mark(round: Round[Any], record: StageRecord) -> StageRecord:
    path = round.lineage.marker(round.number, record.stage, record.key)
    if not create_once(path, orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_INDENT_2)):
        return round.lineage.stage_record(round.number, record.stage, record.key) or record
    return record


def _from_the_store(round: Round[Any], stage: Keyed, prove: Callable[[], None]) -> StageRecord | None:
    """The stage if it is whole: from this round's draft or, copied, from an earlier round."""
    found = whole(round, stage)
    if found is None:
        return None
    number, record = found
    if number != round.number:
        prove()
        return _mark(round, _copied(round, number, record))
    if _is_sound(round, record, prove):
        return record
    prove()
    round.lineage.marker(number, stage.name, stage.key).unlink()
    return None


def _is_sound(round: Round[Any], record: StageRecord, prove: Callable[[], None]) -> bool:
    """Whether a draft's stage is still what its marker says. Files that are not are removed: they are made again."""
    sound = True
    for ref in record.tables.values():
        folder = round.lineage.folder / ref.path
        there = {found.path.name for found in files_below(folder)}
        for name, digest in ref.files.items():
            try:
                sound = sound and name in there  # this machine's copy would not know
                whole_file(folder / name, digest)
            except Damaged:
                prove()
                (folder / name).unlink(missing_ok=True)
                sound = False
    return sound and has_objects(round.lineage, record)


def _copied(round: Round[Any], number: int, record: StageRecord) -> StageRecord:
    """An earlier round's tables, byte for byte, so that each round's folder is whole by itself."""
    source, target = round.lineage.round_folder(number), round.lineage.round_folder(round.number)
    tables = {}
    for table, ref in record.tables.items():
        inside = Path(ref.path).relative_to(source.name).as_posix()
        for file, digest in ref.files.items():
            write_whole(target / inside / file, whole_file(source / inside / file, digest))
        tables[table] = ref.model_copy(update={"path": f"{target.name}/{inside}"})
    origin = record.reused_from or f"{round.recipe.name}/{number}"
    return record.model_copy(update={"tables": tables, "reused_from": origin})


def _forget(round: Round[Any], stage: Keyed) -> None:
    """Remove a stage from this round's draft: its marker first, then every file of its key."""
    round.lineage.marker(round.number, stage.name, stage.key).unlink(missing_ok=True)
    folder = round.lineage.round_folder(round.number)
    for part in list(folder.glob(f"**/{stage.key}/**/*")):
        if part.is_file():
            part.unlink()
    remove_work(local_twin(folder / "training" / stage.key))
