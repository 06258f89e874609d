"""Controls: what the same champion, steps and rows come to without self-play, or without the vote.

They are arms of a round that `learn` ends: its own plays once more, from a stage on that is given something else.
Their stages are labelled `control-...`: what they write stays apart, nothing is built on it, and no gate sees it.
"""

from collections.abc import Callable
from typing import Any

from flows.round import Round
from schemas.controls import CHECKPOINTS, Controls, arm_of
from schemas.errors import Stopped, ValidationFailed
from schemas.inputs import GOLD
from schemas.losses import Optimiser, Sft
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from schemas.training import Train
from tasks.train import train

Place = tuple[str, str]
"""Of a table: its folder and its name."""


def play_controls(r: Round[Any], evaluated: Callable[[Round[Any], str, CheckpointRef], StageRecord]) -> None:
    """The controls that the recipe asks for, once the round is decided. One that cannot be trained, for want of rows
    or of memory, has no score: the round is published all the same, and says why."""
    asked = r.section("controls") or Controls()
    if asked.seeds_alone:
        _scored(r, "control_seeds", lambda: _seeds_alone(r, evaluated))
    if asked.random_label:
        _scored(r, "control_random", lambda: _random_label(r, evaluated))


def _scored(r: Round[Any], arm: str, play_arm: Callable[[], None]) -> None:
    """All of an arm's scores, or why it has none."""
    try:
        play_arm()
    except (ValidationFailed, Stopped) as failed:
        r.unscored[arm] = str(failed)
        for shown in [shown for shown in r.records if shown.startswith("evaluate.") and arm_of(shown) == arm]:
            del r.records[shown]  # the best of fewer checkpoints would be another figure


def _seeds_alone(r: Round[Any], evaluated: Callable[[Round[Any], str, CheckpointRef], StageRecord]) -> None:
    """The gold rows, at four points on the way: the best of them counts, which favours the control."""
    validated = r.records["validate"].tables["dropped"]
    trained = r.play(
        train, label="control-seeds", settings=_on_gold(r.recipe.train.of_round(r.number)), model=r.champion,
        base=None, stretches=CHECKPOINTS,
        sft_examples=ValidRows(tables=(r.brought.tables[GOLD.name],), dropped=(validated,)),
    )  # fmt: skip
    for number in range(1, CHECKPOINTS + 1):
        checkpoint = CheckpointRef(digest=trained.figures[f"checkpoint_{number}"])
        evaluated(r, f"control-seeds-{number}", checkpoint)


def _on_gold(settings: Train) -> Train:
    """The round's steps, batch and rate, for plain fine-tuning; of several methods all steps, by the first one's
    settings."""
    sections = [settings.of(method) for method in settings.methods]
    shared = {name: getattr(sections[0], name) for name in Optimiser.model_fields}
    completion_only = settings.sft.completion_only if settings.sft else True
    sft = Sft(**shared | {"steps": sum(section.steps for section in sections)}, completion_only=completion_only)
    kept = {name: getattr(settings, name) for name in ("save_minutes", "lora", "stop")}
    return Train(methods=("sft",), sft=sft, **kept)


def _random_label(r: Round[Any], evaluated: Callable[[Round[Any], str, CheckpointRef], StageRecord]) -> None:
    """The round once more, from its attempts on, with another judge, on its own rows alone: those of earlier rounds
    have labels of the vote. Its suites drop rows and stop nothing: that its labels are bad is what it is for."""
    guessing = {"settings": r.recipe.vote.model_copy(update={"rule": "random"})}
    trained = _again(r, "control-random", {"vote": guessing}, until="train", without=("alarms",))
    evaluated(r, "control-random", CheckpointRef(digest=trained.figures["checkpoint"]))


def _again(
    r: Round[Any], label: str, changes: dict[str, dict[str, Any]], *, until: str, without: tuple[str, ...]
) -> StageRecord:
    """Play stages of the round again, each that is changed or that reads what one of these wrote; the last one's
    record. Rows of earlier rounds are left out."""
    others: dict[Place, TableRef] = {}
    record, plays = r.records[until], list(r.plays.items())
    for shown, (stage, inputs) in plays[: [shown for shown, _ in plays].index(until) + 1]:
        touched = shown in changes or any(_place(ref) in others for value in inputs.values() for ref in _refs(value))
        if touched and stage.__name__ not in without:
            given = {name: _instead(value, others) for name, value in inputs.items()} | changes.get(shown, {})
            record = r.play(stage, label=label, **given)
            others |= {_place(ref): record.tables[name] for name, ref in r.records[shown].tables.items()}
    return record


def _place(ref: TableRef) -> Place:
    return ref.path, ref.table


def _refs(value: Any) -> list[TableRef]:
    """The tables that an input of a stage is made of."""
    if isinstance(value, TableRef):
        return [value]
    if isinstance(value, ValidRows):
        return [*value.tables, *value.dropped]
    return [ref for each in value for ref in _refs(each)] if isinstance(value, tuple) else []


def _instead(value: Any, others: dict[Place, TableRef]) -> Any:
    """An input of a stage, with the other tables in the place of the round's own."""
    if isinstance(value, TableRef):
        return others.get(_place(value), value)
    if isinstance(value, ValidRows):
        own = [
            tuple(others[_place(ref)] for ref in refs if _place(ref) in others)
            for refs in (value.tables, value.dropped)
        ]
        return ValidRows(tables=own[0], dropped=own[1])
    return tuple(_instead(each, others) for each in value) if isinstance(value, tuple) else value
