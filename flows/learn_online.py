"""How a round in waves ends: each wave's rows are validated and trained on before the next one asks the policy that
came of it. The alarms look at all waves together, and the gate sees the last policy."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import model_validator

from flows.bound import Given, roles_of
from flows.learn import Answering, answers_of, checked, of_the_probe, promote, standing, watched, written
from flows.round import Round, Stage
from schemas.errors import ValidationFailed
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from schemas.recipe import Recipe
from tasks.train import train
from tasks.validate import stop_if_invalid

Built = tuple[StageRecord, TableRef]
"""Rows to train on, and what validation dropped of them."""


@dataclass(frozen=True)
class Wave:
    """A share of the round's questions and probe rows, by the hash of their texts."""

    round: Round[Any]
    number: int
    """From 1."""
    of: int
    policy: CheckpointRef
    """The weights of this moment, of the policy that the benchmarks measure."""
    own: dict[str, CheckpointRef] = field(default_factory=dict)
    """Role -> those of the policy that speaks in it alone."""

    @property
    def label(self) -> str:
        return f"wave-{self.number}"

    @property
    def share(self) -> tuple[int, int]:
        return self.number, self.of

    def earlier(self, table: str) -> tuple[TableRef, ...]:
        """What the round's waves before wrote of a table, in their order."""
        before = {f"wave-{number}" for number in range(1, self.number)}
        records = self.round.records.items()
        return tuple(
            record.tables[table]
            for shown, record in records
            if table in record.tables and before & {*shown.split(".")}
        )

    def weights_of(self, role: str) -> CheckpointRef:
        """Who speaks in a role at this moment."""
        return self.own.get(role, self.policy)

    def play(self, stage: Stage, *given: Given, label: str = "", **named: Any) -> StageRecord:
        """Play a stage for this wave: what is asked is asked of its policy, and valued by it. `label` tells two plays
        of a stage in one wave apart; that of a role (`proposer`) has its policy value what is its own."""
        r, policy = self.round, self.round.recipe.train.policy
        section = r.section(stage.__name__)
        ambient: dict[str, Any] = {
            "model": self.weights_of(label), "reference": r.weights(policy.reference, label), "wave": self.share,
        }  # fmt: skip
        parameters = inspect.signature(stage).parameters
        if getattr(section, "curriculum", None):  # it chooses by what the waves before wrote
            before = [name for name in parameters if name.endswith("_before")]
            ambient |= {name: self.earlier(name.removesuffix("_before")) for name in before}
        ambient |= {name: r.role(section).by(self.weights_of(name)) for name in roles_of(stage)}
        ambient |= {"settings": policy} if section is None else {}
        mine = {name: value for name, value in ambient.items() if name in parameters}
        shown = f"{self.label}.{label}" if label else self.label
        return r.play(stage, *given, label=shown, **mine | named)


class OnlineRecipe(Recipe):
    trains_by = ("policy",)
    trained_on: ClassVar[tuple[str, ...]] = ()
    """Sections of the stages whose samples are trained on."""

    @model_validator(mode="after")
    def the_policy_speaks_as_it_is(self) -> Self:
        """Else the first ratio to it would not be 1."""
        for name in self.trained_on:
            section = getattr(self, name)
            sampling = section.sampling
            changes = (sampling.temperature, sampling.top_p, sampling.top_k, sampling.presence_penalty)
            if getattr(section, "early_stopping", False) or changes != (1, 1, 0, 0):
                raise ValueError(
                    f"{name}: 'policy' in train.methods needs whole groups from the policy as it is: "
                    "early_stopping = false, temperature = 1, top_p = 1, top_k = 0, presence_penalty = 0"
                )
        return self

    @model_validator(mode="after")
    def who_rests_is_trained(self) -> Self:
        trained = {getattr(self, name).role for name in self.trained_on}
        if self.train.policy and (other := sorted(self.train.policy.every.keys() - trained)):
            raise ValueError(
                f"train.policy.every: '{other[0]}' does not go with method = '{self.method}', which trains "
                f"{', '.join(sorted(trained))}"
            )
        return self


def learn_online(
    r: Round[Any],
    play_wave: Callable[[Wave], StageRecord | Mapping[str, StageRecord]],
    answers: Answering = answers_of,
) -> None:
    """Train on what each wave wrote, then decide about the last policy. Waves end early where validation fails or the
    recipe's [train.stop] ends training.

    `play_wave`: plays a wave's stages; the record of the rows that are trained on, or role -> the record of its own:
    an empty one trains nobody. Roles of one policy are trained together, in one update; those with weights of their
    own (`r.own`) by themselves, and they become champions where the measured policy does. A role that
    train.policy.every lets rest waits with its rows, until its turn or until others have trained its policy.
    `answers`: how a checkpoint answers the benchmarks.
    """
    settings = r.recipe.train.policy
    assert settings is not None, "the recipe's class has looked"
    brought = r.brought.tables.values()
    before = written(r)
    asked = [ref for ref in before if ref not in brought]
    stood = standing(r, answers)
    waves, probed, trainings = list[TableRef](), list[TableRef](), list[StageRecord]()
    policies = {"": r.champion} | {role: weights.champion for role, weights in r.own.items()}
    left, waiting = dict[str, StageRecord](), dict[str, list[Built]]()
    for number in range(1, settings.waves + 1):
        own = {role: weights for role, weights in policies.items() if role}
        wave, known = Wave(r, number, settings.waves, policies[""], own), len(written(r))
        built = play_wave(wave)
        rows = {"solver": built} if isinstance(built, StageRecord) else built
        made = written(r)[known:]
        probed += of_the_probe(made)
        looked_at = before if number == 1 else asked  # what the user brought is looked at once
        validated = checked(r, (*looked_at, *made, *(ref for ref in probed if ref not in made)), wave.label)
        waves += [*made, validated.tables["dropped"]]
        if not validated.figures["passed"]:
            break
        for role, record in rows.items():
            waiting.setdefault(role, []).append((record, validated.tables["dropped"]))
        for policy in policies:
            roles = [role for role in waiting if (role if role in own else "") == policy]
            due = [each for role in roles if number % settings.every.get(role, 1) == 0 for each in waiting[role]]
            if due:
                left[policy] = _trained(r, wave, policy, due, left.get(policy))
                trainings.append(left[policy])
                policies[policy] = CheckpointRef(digest=left[policy].figures["checkpoint"])
                for role in roles:
                    del waiting[role]  # what is left was written by weights that are no more
        if any("stopped" in trained.figures for trained in left.values()):
            break
    watched(r, [*before, *waves])
    stop_if_invalid(validated.figures)
    if "" not in left:
        raise ValidationFailed("no wave had a row to train the policy on that the benchmarks measure: selfplay show")
    promote(r, policies[""], trainings, stood, answers)


def _trained(r: Round[Any], wave: Wave, role: str, due: Sequence[Built], left: StageRecord | None) -> StageRecord:
    """A training of one policy, which goes on where the one before left off: with its adapter, or its moments."""
    named = {"adapter": "checkpoint_adapter"} if r.recipe.train.lora else {"moments": "moments"}
    before = left.figures if left else None
    given: dict[str, Any] = {name: CheckpointRef(digest=before[of]) for name, of in named.items() if before}
    dropped = tuple({ref.path: ref for _, ref in due}.values())
    for table in r.recipe.train.reads:
        given[table] = ValidRows(tables=tuple(record.tables[table] for record, _ in due), dropped=dropped)
    label = f"{wave.label}.{role}" if role else wave.label
    return r.play(train, label=label, model=wave.weights_of(role), base=None, wave=wave.number, **given)
