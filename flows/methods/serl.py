"""SeRL: self-play with limited data (Fang et al. 2025, arXiv 2505.20347), played offline: one batch a round.

The model writes new questions from few-shots, answers each many times, and takes the majority's answer as the label;
questions in the difficulty band become training rows; the candidate must beat the champion. The paper trains online
with REINFORCE++ on the same rewards; here a method of docs/methods.md that trains on examples or pairs takes its
place, and serl_online.py plays the paper's way.
"""

from functools import partial
from typing import Any

from flows.methods.controls import play_controls
from flows.methods.mixing import asked_of_base, mixed_in
from flows.methods.promotion import checked, promote, standing, to_train_on, watched
from flows.round import Round
from tasks.build import build
from tasks.collect import collect
from tasks.judge import judge, judge_ahead
from tasks.propose import propose
from tasks.select import select
from tasks.solve import solve
from tasks.train import train
from tasks.validate import stop_if_invalid


def serl(round: Round) -> None:
    """One round, top to bottom."""
    recipe, play, author = round.recipe, round.play, round.author
    checks_ahead = partial(judge_ahead, recipe.judge, round.lineage.cache)
    asks, solves = (round.prompt(p.prompt) for p in (recipe.propose, recipe.solve))

    given = play(
        collect, sources=round.sources, ngram=recipe.select.ngram, near=recipe.select.near,
        prompt=solves if recipe.data.gold else None, base=round.base if recipe.data.gold else None,
    ).tables  # fmt: skip
    seeds, probe, items = given["inputs/seeds"], given["inputs/probe"], given["inputs/benchmark_items"]

    proposed = play(
        propose, settings=recipe.propose, engine=recipe.engine, prompt=asks, model=author, seeds=seeds,
        shown=round.promoted("selections"), earlier=round.every("questions"), round=round.number,
    ).tables  # fmt: skip
    solved = play(
        solve, settings=recipe.solve, engine=recipe.engine, prompt=solves, model=author,
        questions=proposed["questions"], probe=probe,
        stops_for=(recipe.judge, recipe.select) if recipe.solve.early_stopping else None,
        beside=checks_ahead if recipe.judge.equivalence == "math" else None,  # forms alone leave nothing to prepare
    ).tables  # fmt: skip
    judged = play(judge, settings=recipe.judge, attempts=solved["attempts"], probe=probe).tables
    selected = play(
        select, settings=recipe.select, questions=proposed["questions"], verdicts=judged["verdicts"], probe=probe,
        benchmark_items=items,
    ).tables  # fmt: skip
    based = asked_of_base(round, selected["selections"])
    mixed = mixed_in(round, given)
    built = play(
        build, settings=recipe.build, selections=selected["selections"], attempts=solved["attempts"],
        answers=judged["answers"], reads_pairs="preference_pairs" in recipe.train.reads, **mixed,
    ).tables  # fmt: skip

    written = [ref for tables in (given, proposed, solved, judged, selected, based, built) for ref in tables.values()]
    validated = checked(round, "", written)
    alarmed = watched(round, (*written, validated.tables["dropped"]))
    stop_if_invalid(validated.figures)
    stood = standing(round, items)

    training: dict[str, Any] = {
        "settings": recipe.train.of_round(round.number), "model": round.champion,
        "base": round.base if "base" in recipe.train.references else None,
    }  # fmt: skip
    rows = to_train_on(round, built | based, validated.tables["dropped"])
    trained = play(train, **training, **rows)
    promote(
        round, [trained], stood=stood, items=items, probe_verdicts=(judged["probe_verdicts"],),
        holds=alarmed.figures["holds"],
    )  # fmt: skip
    play_controls(
        round, given | proposed | solved, building=mixed, training=training, dropped=validated.tables["dropped"]
    )
