"""SeRL as its paper trains it (Fang et al. 2025, arXiv 2505.20347): policy gradients on the vote's rewards, in waves.

The champion writes the round's questions once. Each wave, the policy of that moment answers its share of them, the
majority's answer is the label, and a few optimiser steps on the very attempts make the next policy. Every attempt,
verdict and advantage lies in the tables, and each stage of a wave has its own marker. The gate sees the last policy.
"""

from functools import partial

from flows.methods.promotion import promote
from flows.round import Round
from schemas.manifest import CheckpointRef
from tasks.advantage import advantage
from tasks.alarms import alarms
from tasks.collect import collect
from tasks.judge import judge, judge_ahead
from tasks.propose import propose
from tasks.select import select
from tasks.solve import solve
from tasks.train import train
from tasks.validate import stop_if_invalid, validate


def serl_online(round: Round) -> None:
    """One round, top to bottom. Waves end early where validation fails or the recipe's [train.stop] ends training.

    Questions and probe rows are divided over the waves by the hash of their texts; alarms look at all waves together.
    """
    recipe, play, settings = round.recipe, round.play, round.recipe.train.policy
    assert settings is not None, "method_of has looked"
    checks_ahead = partial(judge_ahead, recipe.judge, round.lineage.cache)
    asks, solves = (round.prompt(p.prompt) for p in (recipe.propose, recipe.solve))
    reference = {"base": round.base, "champion": round.champion, None: None}[settings.reference]

    given = play(collect, sources=round.sources, ngram=recipe.select.ngram, near=recipe.select.near).tables
    seeds, probe, items = given["inputs/seeds"], given["inputs/probe"], given["inputs/benchmark_items"]

    proposed = play(
        propose, settings=recipe.propose, engine=recipe.engine, prompt=asks, model=round.champion, seeds=seeds,
        own=round.tables_of("selections", decision="promoted"),
        invalid=round.tables_of("dropped", decision="promoted"),
        earlier=round.tables_of("questions"), round=round.number,
    ).tables  # fmt: skip
    questions = proposed["questions"]

    written, probed = [*given.values(), *proposed.values()], []
    policy, moments = round.champion, None
    for number in range(1, settings.waves + 1):
        label, wave = f"wave-{number}", (number, settings.waves)
        solved = play(
            solve, label, settings=recipe.solve, engine=recipe.engine, prompt=solves, model=policy,
            questions=questions, probe=probe, wave=wave,
            beside=checks_ahead if recipe.judge.equivalence == "math" else None,
        ).tables  # fmt: skip
        judged = play(judge, label, settings=recipe.judge, attempts=solved["attempts"], probe=probe).tables
        selected = play(
            select, label, settings=recipe.select, questions=questions, verdicts=judged["verdicts"], probe=probe,
            benchmark_items=items, wave=wave,
        ).tables  # fmt: skip
        valued = play(
            advantage, label, settings=settings, model=policy, reference=reference, attempts=solved["attempts"],
            answers=judged["answers"], verdicts=judged["verdicts"], selections=selected["selections"],
            contamination=selected["contamination"],
        ).tables  # fmt: skip
        made = [ref for tables in (solved, judged, selected, valued) for ref in tables.values()]
        before = written if number == 1 else [*proposed.values()]  # a question that fails takes its attempts with it
        checked = play(validate, label, settings=recipe.validation, tables=(*before, *made))
        written += [*made, checked.tables["dropped"]]
        probed.append(judged["probe_verdicts"])
        if not checked.figures["passed"]:
            break
        trained = play(
            train, label, settings=recipe.train, model=policy, base=None, sft_examples=(), preference_pairs=(),
            advantages=(valued["advantages"],), invalid=(checked.tables["dropped"],), moments=moments, wave=number,
        )  # fmt: skip
        policy = CheckpointRef(digest=trained.figures["checkpoint"])
        if "stopped" in trained.figures:
            break
        if number < settings.waves and not recipe.train.lora:
            moments = CheckpointRef(digest=trained.figures["moments"])
    watched = play(alarms, settings=recipe.alarms, tables=tuple(written), earlier=round.measured())
    stop_if_invalid(checked.figures)
    promote(round, trained, items=items, probe_verdicts=tuple(probed), alarms=watched.figures["holds"])
