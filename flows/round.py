"""A round as a method sees it: what it may use, and `play`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.beside import Rows
from schemas.alarms import Measured
from schemas.manifest import CheckpointRef, StageRecord, TableRef
from schemas.recipe import Recipe
from tasks.collect import Sources
from tasks.prompts import Prompt, load_prompt
from tasks.store.lineage import Lineage

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

    def tables_of(self, table: str, decision: str = "") -> tuple[TableRef, ...]:
        """A table of every earlier round, or of those that ended with this decision."""
        rounds = [m for m in self.lineage.manifests if decision in ("", m.decision)]
        return tuple(ref for m in rounds for ref in m.tables.get(table, []))

    def measured(self) -> tuple[Measured, ...]:
        """What the alarms of every earlier round rest on, but for rounds withdrawn or older than the stage."""
        rounds = [m for m in self.lineage.manifests if "alarms" in m.stages and m.decision != "withdrawn"]
        records = [self.lineage.stage_record(m.round, "alarms", m.stages["alarms"]) for m in rounds]
        return tuple(Measured.model_validate(record.figures["measured"]) for record in records if record)

    def held_tables(self, table: str) -> tuple[TableRef, ...]:
        """A table of every round held since the champion."""
        return tuple(ref for m in self.lineage.held_since_champion for ref in m.tables.get(table, []))


Player = Callable[[Round, Stage, str, Work | None, dict[str, Any]], StageRecord]
