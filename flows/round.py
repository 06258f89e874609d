"""A round as a method sees it: what it may use, and `play`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.beside import Rows
from flows.preflight import Plan
from schemas.alarms import Measured
from schemas.engines import OpenAIEngine
from schemas.manifest import CheckpointRef, Manifest, StageRecord, TableRef, Teacher, ValidRows
from schemas.recipe import Recipe
from tasks.prompts import Prompt, load_prompt
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
    built_on: set[int] = field(default_factory=set)
    """Earlier rounds whose rows the method was given to build on."""
    unscored: dict[str, str] = field(default_factory=dict)
    """Control -> why it has no score."""

    @property
    def author(self) -> CheckpointRef | Teacher:
        """What writes questions and attempts: the champion, or the teacher that the recipe names."""
        engine = self.recipe.engine
        if isinstance(engine, OpenAIEngine) and engine.model and engine.revision:
            return Teacher(model=engine.model, revision=engine.revision, tokenizer=self.base)
        return self.champion

    def play(self, stage: Stage, label: str = "", *, beside: Work | None = None, **inputs: Any) -> StageRecord:
        """Play a stage, or take it from the store if it is whole there. `label` tells two plays of a stage apart.

        `beside` is given each part of the stage's rows as soon as it is whole, in a thread of its own. It decides
        nothing of what the stage writes: it prepares for a later one.
        """
        shown = f"{stage.__name__}.{label}" if label else stage.__name__
        record = self.player(self, stage, shown, beside, inputs)
        self.records[shown] = record
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
