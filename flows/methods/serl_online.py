"""SeRL as its paper trains it (Fang et al. 2025, arXiv 2505.20347): policy gradients on the vote's rewards, in waves.

The champion writes the round's questions once. Each wave, the policy of that moment answers its share of them, the
majority's answer is the label, and a few optimiser steps on the very attempts make the next policy. Every attempt,
verdict and advantage lies in the tables, and each stage of a wave has its own marker. The gate sees the last policy.
"""

from functools import partial
from typing import NamedTuple

from flows.methods.promotion import checked, promote, standing, watched
from flows.round import Round
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from tasks.advantage import advantage
from tasks.collect import collect
from tasks.judge import judge, judge_ahead
from tasks.propose import propose
from tasks.select import select
from tasks.solve import solve
from tasks.train import train
from tasks.validate import stop_if_invalid
from tasks.waves import Wave


def serl_online(round: Round) -> None:
    """One round, top to bottom. Waves end early where validation fails or the recipe's [train.stop] ends training.

    Questions and probe rows are divided over the waves by the hash of their texts; alarms look at all waves together.
    """
    recipe, play, settings = round.recipe, round.play, round.recipe.train.policy
    assert settings is not None, "method_of has looked"

    given = play(collect, sources=round.sources, ngram=recipe.select.ngram, near=recipe.select.near).tables
    probe, items = given["inputs/probe"], given["inputs/benchmark_items"]

    proposed = play(
        propose, settings=recipe.propose, engine=recipe.engine, prompt=round.prompt(recipe.propose.prompt),
        model=round.champion, seeds=given["inputs/seeds"], shown=round.promoted("selections"),
        earlier=round.every("questions"), round=round.number,
    ).tables  # fmt: skip

    stood = standing(round, items)
    written, waves = [*given.values(), *proposed.values()], list[Labelled]()
    trainings, policy, moments, adapter = list[StageRecord](), round.champion, None, None
    for number in range(1, settings.waves + 1):
        waves.append(_labelled(round, policy, proposed["questions"], probe, items, wave=(number, settings.waves)))
        before = written if number == 1 else [*proposed.values()]  # a question that fails takes its attempts with it
        looked_at = (*before, *waves[-1].written, *(wave.probe_verdicts for wave in waves))
        validated = checked(round, f"wave-{number}", looked_at)
        written += [*waves[-1].written, validated.tables["dropped"]]
        if not validated.figures["passed"]:
            break
        trainings.append(play(
            train, f"wave-{number}", settings=recipe.train, model=policy, base=None,
            advantages=ValidRows(tables=(waves[-1].advantages,), dropped=(validated.tables["dropped"],)),
            moments=moments, adapter=adapter, wave=number,
        ))  # fmt: skip
        left = trainings[-1].figures
        policy = CheckpointRef(digest=left["checkpoint"])
        if "stopped" in left:
            break
        if recipe.train.lora:
            adapter = CheckpointRef(digest=left["checkpoint_adapter"])
        elif number < settings.waves:
            moments = CheckpointRef(digest=left["moments"])
    alarmed = watched(round, written)
    stop_if_invalid(validated.figures)
    probed = tuple(wave.probe_verdicts for wave in waves)
    promote(round, trainings, stood=stood, items=items, probe_verdicts=probed, holds=alarmed.figures["holds"])


class Labelled(NamedTuple):
    """What a wave wrote, from its attempts to how much better each was."""

    written: list[TableRef]
    advantages: TableRef
    probe_verdicts: TableRef


def _labelled(
    round: Round, policy: CheckpointRef, questions: TableRef, probe: TableRef, items: TableRef, wave: Wave
) -> Labelled:
    """A wave's share of the questions, answered by the policy of that moment and labelled by the vote."""
    recipe, settings, label = round.recipe, round.recipe.train.policy, f"wave-{wave[0]}"
    assert settings is not None, "method_of has looked"
    play = partial(round.play, label=label)
    checks_ahead = partial(judge_ahead, recipe.judge, round.lineage.cache)
    solved = play(
        solve, settings=recipe.solve, engine=recipe.engine, prompt=round.prompt(recipe.solve.prompt), model=policy,
        questions=questions, probe=probe, wave=wave,
        beside=checks_ahead if recipe.judge.equivalence == "math" else None,
    ).tables  # fmt: skip
    judged = play(judge, settings=recipe.judge, attempts=solved["attempts"], probe=probe).tables
    selected = play(
        select, settings=recipe.select, questions=questions, verdicts=judged["verdicts"], probe=probe,
        benchmark_items=items, wave=wave,
    ).tables  # fmt: skip
    valued = play(
        advantage, settings=settings, model=policy,
        reference={"base": round.base, "champion": round.champion, None: None}[settings.reference],
        attempts=solved["attempts"], answers=judged["answers"], verdicts=judged["verdicts"],
        selections=selected["selections"], contamination=selected["contamination"],
    ).tables  # fmt: skip
    written = [ref for tables in (solved, judged, selected, valued) for ref in tables.values()]
    return Labelled(written, valued["advantages"], judged["probe_verdicts"])
