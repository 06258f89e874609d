"""A round as a method sees it: what it may use, and `play`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from flows.beside import Rows
from flows.bound import Given, bound, roles_of
from schemas.alarms import Measured
from schemas.engines import OpenAIEngine
from schemas.manifest import CheckpointRef, Manifest, OwnWeights, StageRecord, TableRef, Teacher, ValidRows
from schemas.recipe import Recipe
from schemas.settings import Solve
from tasks.collect import collect
from tasks.prompts import Prompt, load_prompt
from tasks.roles import Role
from tasks.sources import Sources
from tasks.store.lineage import Lineage
from tasks.store.readings import readers

Stage = Callable[..., dict[str, Any]]
Work = Callable[[Rows], None]
R = TypeVar("R", bound=Recipe)


@dataclass
class Round(Generic[R]):
    """One round: methods are functions of it."""

    recipe: R
    recipe_folder: Path
    sources: Sources
    lineage: Lineage
    number: int
    base: CheckpointRef
    champion: CheckpointRef
    player: "Player"
    """What plays a stage (flows/stage.py), or only says what would be played (flows/plan.py)."""
    own: dict[str, OwnWeights] = field(default_factory=dict)
    """Role -> the policy that speaks in it with weights of its own, if the recipe has any."""
    records: dict[str, StageRecord] = field(default_factory=dict)
    plays: dict[str, tuple[Stage, dict[str, Any]]] = field(default_factory=dict)
    """Each stage as it was played, with what it was given."""
    built_on: set[int] = field(default_factory=set)
    """Earlier rounds whose rows the method was given to build on."""
    unscored: dict[str, str] = field(default_factory=dict)
    """Control -> why it has no score."""

    @cached_property
    def brought(self) -> StageRecord:
        """The rows that the user brought, as they are when the round begins."""
        solved = self.sources.solved
        return self.play(
            collect, sources=self.sources, prompt=self._solvers_prompt() if solved else None,
            base=self.base if solved else None,
        )  # fmt: skip

    def _solvers_prompt(self) -> Prompt:
        return next(self.prompt(section.prompt) for _, section in self.recipe if isinstance(section, Solve))

    def section(self, stage: str) -> Any:
        """The recipe's section of a stage; None for one that the method's recipe has not."""
        return getattr(self.recipe, stage, None)

    def role(self, section: Any, name: str = "") -> Role:
        """Who is asked by a stage: the recipe's engine, the section's prompt, and the champion or a teacher.
        `name`: of a role that may have weights of its own."""
        author = self.own[name].champion if name in self.own else self.author
        return Role(self.recipe.engine, self.prompt(section.prompt), author)

    def weights(self, name: str | None, role: str = "") -> CheckpointRef | None:
        """The base or the champion, by name: of the policy that speaks in a role."""
        of = self.own.get(role, self)
        return {"base": of.base, "champion": of.champion}[name] if name else None

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
        section = self.section(stage.__name__)
        ambient = {"round": self.number, "checks": self.recipe.answers, "protection": self.recipe.contamination}
        ambient |= {"settings": section} if section is not None else {}
        ambient |= {name: self.role(section, name) for name in roles_of(stage) if name not in named}
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


Player = Callable[[Round[Any], Stage, str, Work | None, dict[str, Any]], StageRecord]
