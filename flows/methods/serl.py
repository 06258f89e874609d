"""SeRL: self-play with limited data (Fang et al. 2025, arXiv 2505.20347), played offline: one batch a round.

The model writes new questions from few-shots, answers each many times, and takes the majority's answer as the label;
questions in the difficulty band become training rows; the candidate must beat the champion. The paper trains online
with REINFORCE++ on the same rewards; here SFT or DPO on agreeing and disagreeing attempts takes its place.
"""

from functools import partial

from flows.round import Round
from schemas.manifest import CheckpointRef
from tasks.alarms import alarms
from tasks.build import build
from tasks.collect import collect
from tasks.evaluate import evaluate
from tasks.gate import gate
from tasks.judge import judge, judge_ahead
from tasks.propose import propose
from tasks.select import select
from tasks.solve import solve
from tasks.train import train
from tasks.validate import stop_if_invalid, validate


def serl(round: Round) -> None:
    """One round, top to bottom."""
    recipe, play, model = round.recipe, round.play, round.champion
    checks_ahead = partial(judge_ahead, recipe.judge, round.lineage.cache)
    asks, solves, tests = (round.prompt(p.prompt) for p in (recipe.propose, recipe.solve, recipe.evaluate))

    given = play(collect, sources=round.sources, ngram=recipe.select.ngram, near=recipe.select.near).tables
    seeds, probe, items = given["inputs/seeds"], given["inputs/probe"], given["inputs/benchmark_items"]

    proposed = play(
        propose, settings=recipe.propose, engine=recipe.engine, prompt=asks, model=model, seeds=seeds,
        own=round.tables_of("selections", decision="promoted"),
        invalid=round.tables_of("dropped", decision="promoted"),
        earlier=round.tables_of("questions"), round=round.number,
    ).tables  # fmt: skip
    solved = play(
        solve, settings=recipe.solve, engine=recipe.engine, prompt=solves, model=model,
        questions=proposed["questions"], probe=probe,
        stops_for=(recipe.judge, recipe.select) if recipe.solve.early_stopping else None,
        beside=checks_ahead if recipe.judge.equivalence == "math" else None,  # forms alone leave nothing to prepare
    ).tables  # fmt: skip
    judged = play(judge, settings=recipe.judge, attempts=solved["attempts"], probe=probe).tables
    selected = play(
        select, settings=recipe.select, questions=proposed["questions"], verdicts=judged["verdicts"], probe=probe,
        benchmark_items=items,
    ).tables  # fmt: skip
    built = play(
        build, settings=recipe.build, selections=selected["selections"], attempts=solved["attempts"],
        answers=judged["answers"],
    ).tables  # fmt: skip

    written = [ref for tables in (given, proposed, solved, judged, selected, built) for ref in tables.values()]
    checked = play(validate, settings=recipe.validation, tables=tuple(written))
    watched = play(
        alarms, settings=recipe.alarms, tables=(*written, checked.tables["dropped"]), earlier=round.measured()
    )
    stop_if_invalid(checked.figures)

    held = round.held_tables if recipe.train.use_held_rounds else lambda table: ()
    trained = play(
        train, settings=recipe.train, model=model,
        sft_examples=(*held("sft_examples"), built["sft_examples"]),
        preference_pairs=(*held("preference_pairs"), built["preference_pairs"]),
        invalid=(*held("dropped"), checked.tables["dropped"]),
    )  # fmt: skip
    candidate = CheckpointRef(digest=trained.figures["checkpoint"])

    evaluated = {
        role: play(
            evaluate, role, settings=recipe.evaluate, checks=recipe.judge, engine=recipe.engine, prompt=tests,
            model=checkpoint, benchmark_items=items,
        ).tables["evaluations"]
        for role, checkpoint in (("base", round.base), ("champion", round.champion), ("candidate", candidate))
    }  # fmt: skip
    scored = play(
        validate, "scores", settings=recipe.validation, tables=(trained.tables["train_steps"], *evaluated.values())
    )
    stop_if_invalid(scored.figures)
    play(
        gate, settings=recipe.gate, champion=evaluated["champion"], candidate=evaluated["candidate"],
        invalid=scored.tables["dropped"], alarms=watched.figures["holds"],
    )  # fmt: skip
