"""A round as a method sees it: what it may use, and `play`."""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.beside import Rows
from flows.bound import Given, bound
from flows.preflight import Plan
from schemas.alarms import Measured
from schemas.engines import OpenAIEngine
from schemas.inputs import BENCHMARK_ITEMS, GOLD, PROBE, SEEDS
from schemas.manifest import CheckpointRef, Manifest, StageRecord, TableRef, Teacher, ValidRows
from schemas.recipe import Recipe
from tasks.collect import collect
from tasks.prompts import Prompt, load_prompt
from tasks.roles import Role
from tasks.sources import Sources
from tasks.store.lineage import Lineage
from tasks.store.readings import readers

Stage = Callable[..., dict[str, Any]]
Work = Callable[[Rows], None]


@dataclass
class Round:
    """One round: methods are functions of it."""

    recipe: Recipe
    recipe_folder: Path
    sources: Sources
    lineage: Lineage
    number: int
    base: CheckpointRef
    champion: CheckpointRef
    player: "Player"
    """What plays a stage (flows/stage.py), or only says what would be played (flows/plan.py)."""
    records: dict[str, StageRecord] = field(default_factory=dict)
    plays: dict[str, tuple[Stage, dict[str, Any]]] = field(default_factory=dict)
    """Each stage as it was played, with what it was given."""
    built_on: set[int] = field(default_factory=set)
    """Earlier rounds whose rows the method was given to build on."""
    unscored: dict[str, str] = field(default_factory=dict)
    """Control -> why it has no score."""

    @cached_property
    def collected(self) -> StageRecord:
        """The rows that the user brought, as they are when the round begins."""
        gold = self.recipe.data.gold
        return self.play(
            collect, sources=self.sources, ngram=self.recipe.select.ngram, near=self.recipe.select.near,
            prompt=self.prompt(self.recipe.solve.prompt) if gold else None, base=self.base if gold else None,
        )  # fmt: skip

    @property
    def seeds(self) -> TableRef:
        return self.collected.tables[SEEDS.name]

    @property
    def probe(self) -> TableRef:
        return self.collected.tables[PROBE.name]

    @property
    def gold(self) -> TableRef:
        return self.collected.tables[GOLD.name]

    @property
    def benchmark_items(self) -> TableRef:
        return self.collected.tables[BENCHMARK_ITEMS.name]

    @property
    def proposer(self) -> Role:
        return Role(self.recipe.engine, self.prompt(self.recipe.propose.prompt), self.author)

    @property
    def solver(self) -> Role:
        return Role(self.recipe.engine, self.prompt(self.recipe.solve.prompt), self.author)

    def weights(self, name: str | None) -> CheckpointRef | None:
        """The base or the champion, by name."""
        return {"base": self.base, "champion": self.champion}[name] if name else None

    @property
    def author(self) -> CheckpointRef | Teacher:
        """What writes questions and attempts: the champion, or the teacher that the recipe names."""
        engine = self.recipe.engine
        if isinstance(engine, OpenAIEngine) and engine.model and engine.revision:
            return Teacher(model=engine.model, revision=engine.revision, tokenizer=self.base)
        return self.champion

    def play(
        self, stage: Stage, *given: Given, label: str = "", beside: Work | None = None, **named: Any
    ) -> StageRecord:
        """Play a stage, or take it from the store if it is whole there: on what the stages before wrote, and what is
        passed by name (flows/bound.py). `label` tells two plays of a stage apart.

        `beside` is given each part of the stage's rows as soon as it is whole, in a thread of its own. It decides
        nothing of what the stage writes: it prepares for a later one.
        """
        shown = f"{stage.__name__}.{label}" if label else stage.__name__
        wanted = inspect.signature(stage).parameters.keys() - named.keys()
        ambient = {role: getattr(self, role) for role in wanted & {"proposer", "solver"}} | {"round": self.number}
        if section := getattr(self.recipe, stage.__name__, None):
            ambient["settings"] = section
        inputs = bound(stage, given, named, ambient)
        record = self.player(self, stage, shown, beside, inputs)
        self.records[shown] = record
        self.plays[shown] = (stage, inputs)
        return record

    def prompt(self, name: str) -> Prompt:
        return load_prompt(name, self.recipe_folder)

    def every(self, table: str) -> tuple[TableRef, ...]:
        """A table of every earlier round, whatever came of it: to tell what is new."""
        return _tables(self.lineage.manifests, table)

    def promoted(self, table: str) -> ValidRows:
        """Its valid rows of the rounds that were promoted, to build on: this round descends from them."""
        return self._built_on([m for m in self.lineage.manifests if m.decision == "promoted"], table)

    def measured(self, alarms: Collection[str]) -> tuple[Measured, ...]:
        """What these alarms measured in every earlier round but those withdrawn."""
        rounds = [m for m in self.lineage.manifests if "alarms" in m.stages and m.decision != "withdrawn"]
        records = [self.lineage.stage_record(m.round, "alarms", m.stages["alarms"]) for m in rounds]
        every = [Measured.model_validate(record.figures["measured"]) for record in records if record]
        return tuple(Measured(round=m.round, of={name: m.of[name] for name in alarms if name in m.of}) for m in every)

    def sealed_reads(self, candidate: CheckpointRef) -> int:
        """How many candidates were tried on the sealed benchmark, with this one, whatever came of them: those of
        published rounds, and those that were noted and never published."""
        published = {
            m.candidate.digest
            for m in self.lineage.published
            if m.candidate and any(shown.startswith("evaluate.sealed.") for shown in m.stages)
        }
        noted = readers(self.lineage.folder, self.recipe.gate.sealed or "")
        # champions are among them, as the candidates they were; the base is asked as a champion alone
        return len((published | noted) - {candidate.digest, self.base.digest}) + 1

    def again(self, table: str, *, held: bool, previous: int = 0) -> ValidRows:
        """Its valid rows of earlier rounds, to train on again: of those held since the champion, and of so many
        before this one, if they count."""
        since = self.lineage.held_since_champion if held else []
        sound = [m for m in self.lineage.manifests if m.decision in ("promoted", "held")]
        rounds = {m.round: m for m in (*since, *sound[max(0, len(sound) - previous) :])}
        return self._built_on([rounds[number] for number in sorted(rounds)], table)

    def _built_on(self, rounds: Sequence[Manifest], table: str) -> ValidRows:
        self.built_on.update(m.round for m in rounds)
        return ValidRows(tables=_tables(rounds, table), dropped=_tables(rounds, "dropped"))


def _tables(rounds: Sequence[Manifest], table: str) -> tuple[TableRef, ...]:
    return tuple(ref for m in rounds for ref in m.tables.get(table, []))


def next_round(plan: Plan, lineage: Lineage, player: "Player") -> Round:
    """The round that follows the last published one, on the champion of that moment."""
    base = CheckpointRef(digest=plan.fixed["base"])
    return Round(
        recipe=plan.recipe,
        recipe_folder=plan.recipe_folder,
        sources=plan.sources,
        lineage=lineage,
        number=lineage.next_round,
        base=base,
        champion=lineage.champion(base),
        player=player,
    )


Player = Callable[[Round, Stage, str, Work | None, dict[str, Any]], StageRecord]
