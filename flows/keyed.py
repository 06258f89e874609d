"""A stage with its inputs, and the key made from them: whether it is whole in the store, and if not, what changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import isfunction
from typing import Any

from pydantic import BaseModel

from flows.round import Round, Stage
from schemas.engines import Executor, OpenAIEngine, RayExecutor, VllmEngine
from schemas.manifest import CheckpointRef, StageRecord, TableRef, Teacher, ValidRows
from tasks.engines.device import device_and_dtype
from tasks.engines.vllm_environment import decides
from tasks.prompts import Prompt
from tasks.roles import Role
from tasks.sources import Sources
from tasks.store.keys import code_of, stage_key
from tasks.store.lineage import Lineage
from tasks.store.objects import LISTING

OWN_PARTS = ("settings", "prompts", "facts", "code", "versions")


@dataclass(frozen=True)
class Keyed:
    """All that decides what a stage writes."""

    name: str
    inputs: dict[str, Any]
    """Input -> digest, or plain value."""
    settings: dict[str, Any]
    prompts: dict[str, str]
    """Template -> its text."""
    facts: dict[str, Any]
    code: str
    versions: dict[str, str]

    @cached_property
    def key(self) -> str:
        return stage_key(self.name, self.inputs | self.facts, self.settings, self.code, self.versions)


def keyed(round: Round[Any], stage: Stage, inputs: dict[str, Any]) -> Keyed:
    """What the key of this play is made of. Executor, worker count and placement are not in it."""
    code, versions = code_of(stage, *_project_classes(inputs.values()))
    inputs = _with_parts_of_the_role(inputs)
    named = {name: _digest(value) for name, value in inputs.items()}
    settings = {name for name, value in inputs.items() if isinstance(value, BaseModel) and not _is_ref(value)}
    return Keyed(
        name=stage.__name__,
        inputs={name: value for name, value in named.items() if name not in settings},
        settings={name: value for name, value in named.items() if name in settings},
        prompts={value.name: value.text for value in inputs.values() if isinstance(value, Prompt)},
        facts={"seed": round.recipe.seed, "device": _device(inputs, round.recipe.executor)},
        code=code,
        versions=versions,
    )


def whole(round: Round[Any], stage: Keyed) -> tuple[int, StageRecord] | None:
    """The stage of this key and the round it is whole in: this one's draft, or else a published one, newest first.
    A withdrawn round serves nobody."""
    serving = (m for m in reversed(round.lineage.manifests) if m.decision != "withdrawn")
    published = (m.round for m in serving if stage.key in m.stages.values())
    for number in (round.number, *published):
        record = round.lineage.stage_record(number, stage.name, stage.key)
        if record and (number == round.number or has_objects(round.lineage, record)):
            return number, record
    return None


def has_objects(lineage: Lineage, record: StageRecord) -> bool:
    """Whether the weights that a stage made are in the store: those of controls are garbage once a round is
    published."""
    return all((lineage.objects / digest / LISTING).exists() for digest in record.objects)


def changed(round: Round[Any], shown: str, stage: Keyed) -> list[str]:
    """Which parts of the key differ from the same stage's last time: in this round's draft, all that do; in the
    round before, whose data were others, settings, prompts, code and versions."""
    if drafted := _drafted(round, shown, stage):
        return min((_differing(stage, record, ("inputs", *OWN_PARTS)) for record in drafted), key=len)
    last = round.lineage.manifests[-1] if round.lineage.manifests else None
    key = last.stages.get(shown, "") if last else ""
    if last and key and (record := round.lineage.stage_record(last.round, stage.name, key)):
        return _differing(stage, record, OWN_PARTS)
    return []


def _drafted(round: Round[Any], shown: str, stage: Keyed) -> list[StageRecord]:
    """What this round's draft holds of the stage, played by an earlier run under other keys."""
    folder = round.lineage.round_folder(round.number) / "stages"
    keys = [path.name.removesuffix(".json").rpartition("-")[2] for path in folder.glob(f"{stage.name}-*.json")]
    records = [round.lineage.stage_record(round.number, stage.name, key) for key in keys]
    return [record for record in records if record and record.played_as == shown and not record.reused_from]


def _differing(stage: Keyed, record: StageRecord, parts: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for part in parts:
        now, then = getattr(stage, part), getattr(record, part)
        if isinstance(now, Mapping):
            found += [f"{part}.{name}" for name in _paths(now, then)]
        elif now != then:
            found.append(part)
    return found


def _paths(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """Dotted names of the values that differ."""
    found = []
    for name in sorted(now.keys() | then.keys()):
        a, b = now.get(name), then.get(name)
        if a == b:
            continue
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += [f"{name}.{inner}" for inner in _paths(a, b)]
        else:
            found.append(name)
    return found


def _device(inputs: dict[str, Any], executor: Executor) -> str:
    """cuda or cpu, for a stage that computes with weights: in this process, or on a cluster's workers."""
    if "model" not in inputs or isinstance(inputs.get("engine"), OpenAIEngine | VllmEngine):
        return ""
    if "engine" in inputs and isinstance(executor, RayExecutor):
        return "cuda" if executor.gpus else "cpu"
    return device_and_dtype()[0]


def _with_parts_of_the_role(inputs: dict[str, Any]) -> dict[str, Any]:
    """A stage's role as its engine, prompt and weights; of several, each part by the role's name."""
    found: dict[str, Any] = {}
    several = sum(isinstance(value, Role) for value in inputs.values()) > 1
    for name, value in inputs.items():
        if isinstance(value, Role):
            by = f"{name}_" if several else ""
            found |= {f"{by}engine": value.engine, f"{by}prompt": value.prompt, f"{by}model": value.model}
        else:
            found[name] = value
    return found


def _project_classes(values: Iterable[Any]) -> set[type]:
    """The classes of what a stage is given: it may use their methods."""
    found = set[type]()
    for value in values:
        if isinstance(value, Role):
            found |= _project_classes([value.engine, value.prompt, value.model])
        found |= _project_classes(value) if isinstance(value, tuple | list) else {type(value)}
    return {kind for kind in found if kind.__module__.startswith(("tasks.", "schemas."))}


def _is_ref(value: Any) -> bool:
    return isinstance(value, TableRef | ValidRows | CheckpointRef | Teacher)


def _digest(value: Any) -> Any:
    """What of an input decides the output: the digest of data, weights and prompts; the value of settings."""
    if isinstance(value, TableRef | CheckpointRef | Teacher | Prompt | Sources):
        return value.digest
    if isinstance(value, ValidRows):
        return value.digests
    if isinstance(value, OpenAIEngine):  # where the server stands changes nothing, nor how many requests wait for it
        told = value.model_dump(include={"kind", "api", "model", "revision"}, exclude_none=True)
        return told | ({"leave_out": sorted(value.leave_out)} if value.leave_out else {})
    if isinstance(value, VllmEngine):
        return decides(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_digest(entry) for entry in value]
    if isfunction(value):  # it is run by the stage
        code, versions = code_of(value)
        return {"name": value.__name__, "code": code, "versions": versions}
    assert value is None or isinstance(value, str | int | float), f"not a stage input: {value!r}"
    return value
