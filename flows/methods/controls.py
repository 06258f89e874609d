"""Controls: what the same champion, steps and rows come to without self-play, or without the vote.

Their stages are labelled `control-...`: what they write stays apart, nothing is built on it, and no gate sees it.
"""

from collections.abc import Callable
from typing import Any

from flows.methods.mixing import asked_of_base
from flows.methods.promotion import checked
from flows.round import Round
from schemas.controls import arm_of
from schemas.errors import Stopped, ValidationFailed
from schemas.losses import Optimiser, Sft
from schemas.manifest import CheckpointRef, TableRef, ValidRows
from schemas.training import Train
from tasks.build import build
from tasks.evaluate import evaluate
from tasks.judge import judge
from tasks.select import select
from tasks.train import train

CHECKPOINTS = 4
Tables = dict[str, TableRef]


def play_controls(
    round: Round, tables: Tables, *, building: dict[str, Any], training: dict[str, Any], dropped: TableRef
) -> None:
    """The controls that the recipe asks for, once the round is decided. One that cannot be trained, for want of rows
    or of memory, has no score: the round is published all the same, and says why.

    `tables`: inputs, questions and attempts of the round; `building` and `training`: what its own build and train
    were given beside this round's labels and the rows made of them; `dropped`: by its validation.
    """
    asked = round.recipe.controls
    if asked.seeds_alone:
        _scored(round, "control_seeds", lambda: _seeds_alone(round, tables, training, dropped))
    if asked.random_label:
        _scored(round, "control_random", lambda: _random_label(round, tables, building, training))


def _scored(round: Round, arm: str, play_arm: Callable[[], None]) -> None:
    """All of an arm's scores, or why it has none."""
    try:
        play_arm()
    except (ValidationFailed, Stopped) as failed:
        round.unscored[arm] = str(failed)
        for shown in [shown for shown in round.records if shown.startswith("evaluate.") and arm_of(shown) == arm]:
            del round.records[shown]  # the best of fewer checkpoints would be another figure


def _seeds_alone(round: Round, tables: Tables, training: dict[str, Any], dropped: TableRef) -> None:
    """The gold rows, at four points on the way: the best of them counts, which favours the control."""
    trained = round.play(
        train, "control-seeds", settings=_on_gold(training["settings"]), model=round.champion, base=None,
        sft_examples=ValidRows(tables=(tables["inputs/gold"],), dropped=(dropped,)),
        stretches=CHECKPOINTS,
    )  # fmt: skip
    for number in range(1, CHECKPOINTS + 1):
        _evaluate(round, f"control-seeds-{number}", trained.figures[f"checkpoint_{number}"], tables)


def _on_gold(settings: Train) -> Train:
    """The round's steps, batch and rate, for plain fine-tuning; of several methods all steps, by the first one's
    settings."""
    sections = [settings.of(method) for method in settings.methods]
    shared = {name: getattr(sections[0], name) for name in Optimiser.model_fields}
    completion_only = settings.sft.completion_only if settings.sft else True
    sft = Sft(**shared | {"steps": sum(section.steps for section in sections)}, completion_only=completion_only)
    kept = {name: getattr(settings, name) for name in ("save_minutes", "lora", "stop")}
    return Train(methods=("sft",), sft=sft, **kept)


def _random_label(round: Round, tables: Tables, building: dict[str, Any], training: dict[str, Any]) -> None:
    """The round once more, from its attempts on, with another judge, on its own rows alone: those of earlier rounds
    have labels of the vote. Its suites drop rows and stop nothing: that its labels are bad is what it is for."""
    recipe, play, label = round.recipe, round.play, "control-random"
    questions, attempts, probe = (tables[name] for name in ("questions", "attempts", "inputs/probe"))
    judged = play(
        judge, label, settings=recipe.judge.model_copy(update={"rule": "random"}), attempts=attempts, probe=probe
    ).tables
    selected = play(
        select, label, settings=recipe.select, questions=questions, verdicts=judged["verdicts"], probe=probe,
        benchmark_items=tables["inputs/benchmark_items"],
    ).tables  # fmt: skip
    asked = asked_of_base(round, selected["selections"], label)
    unvoted = {name: given for name, given in building.items() if name in ("gold", "gold_attempts")}
    built = play(
        build, label, settings=recipe.build, selections=selected["selections"], attempts=attempts,
        answers=judged["answers"], reads_pairs="preference_pairs" in recipe.train.reads, **unvoted,
    ).tables  # fmt: skip
    written = [ref for made in (judged, selected, asked, built) for ref in made.values()]
    validated = checked(round, label, (questions, attempts, *written)).tables
    own = ValidRows(tables=(), dropped=(validated["dropped"],))
    rows: dict[str, Any] = {
        name: own.model_copy(update={"tables": (ref,)})
        for name, ref in (built | asked).items()
        if name in (*recipe.train.reads, "base_samples")
    }
    trained = play(train, label, **training, **rows)
    _evaluate(round, label, trained.figures["checkpoint"], tables)


def _evaluate(round: Round, label: str, checkpoint: str, tables: Tables) -> None:
    recipe = round.recipe
    round.play(
        evaluate, label, settings=recipe.evaluate, checks=recipe.judge, engine=recipe.evaluation_engine,
        prompt=round.prompt(recipe.evaluate.prompt), model=CheckpointRef(digest=checkpoint),
        benchmark_items=tables["inputs/benchmark_items"],
    )  # fmt: skip
