"""What changed from one round to another: rows, labels, distributions, recipe, prompts, code, validation, scores."""

from typing import Any

from schemas.diff import Diff, Flip, Label, Questions, ScoreChange
from schemas.manifest import Manifest, Score
from schemas.table import Table
from schemas.tables import TABLES
from tasks.audit.changes import (
    Round,
    changes,
    code_of_stages,
    made_with,
    prompt_changes,
    recipe_values,
    stage_records,
)
from tasks.audit.drift import drifts
from tasks.figures import by_stage, lines, pooled, scores, words
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_columns

Vote = tuple[str | None, int, int]
"""Answer, votes, attempts."""
Labels = dict[str, Vote | None]

FLIPS, EXAMPLES = 1_000, 10
EXAMPLE_CHARACTERS = 2_000
ASKED = [  # what a round asks or is asked, by its text
    table
    for table in TABLES.values()
    if "question" in table.schema.names and table.name != "inputs/benchmark_items"  # the same in all of a lineage
]
VOTE = ["question_id", "answer", "votes", "num_attempts"]
VOTED = [table for table in TABLES.values() if set(VOTE) <= set(table.schema.names)]


def diff_rounds(a: Round, b: Round) -> Diff:
    """From round a to round b, of one lineage or of two. Raises Damaged if a table's file is not what was written;
    a recipe or marker that cannot be read is named in `unread`."""
    (_, before), (_, after) = a, b
    recipes, records = [recipe_values(*side) for side in (a, b)], [stage_records(*side) for side in (a, b)]
    code = [made_with(m) | code_of_stages(found) for (_, m), found in zip((a, b), records, strict=True)]
    return Diff(
        a=f"{before.recipe}/{before.round}",
        b=f"{after.recipe}/{after.round}",
        round=changes(_of_the_round(before), _of_the_round(after)),
        rows=changes(_rows(before), _rows(after)),
        dropped=changes(before.dropped, after.dropped),
        figures=changes(_figures(before), _figures(after)),
        questions=_questions(a, b),
        columns=drifts(a, b),
        recipe=changes(recipes[0], recipes[1]) if recipes[0] is not None and recipes[1] is not None else [],
        prompts=prompt_changes(*records),
        code=changes(*code),
        validation=changes(_validations(before), _validations(after)),
        scores=_score_changes(before, after),
        unread=[*_unread(a, recipes[0], records[0]), *_unread(b, recipes[1], records[1])],
    )


def _of_the_round(m: Manifest) -> dict[str, Any]:
    return {
        "decision": m.decision,
        "parent": m.parent,
        "method": m.method,
        "base": m.base.digest,
        "champion": m.champion.digest,
        "candidate": m.candidate.digest if m.candidate else None,
        **{f"champion of the {role}": own.champion.digest for role, own in m.own.items()},
        **{f"candidate of the {role}": own.digest for role, own in m.own_candidates.items()},
        "inputs": m.inputs.get("digest"),
        **{f"trained on, {method}": rows for method, rows in m.trained_on.items()},
        "device": m.device,
        "seed": m.seed,
    }


def _rows(m: Manifest) -> dict[str, int]:
    return {table: sum(ref.rows for ref in refs) for table, refs in m.tables.items()}


def _figures(m: Manifest) -> dict[str, str]:
    """What stages measured, in words; scores are compared by themselves."""
    return {
        " ".join(filter(None, (stage, words(name), part))): text
        for stage, figures in by_stage(m).items()
        for name, values in figures.items()
        if not pooled(values)
        for part, text in lines(values).items()
    }


def _questions(a: Round, b: Round) -> dict[str, Questions]:
    votes = [_votes(*side) for side in (a, b)]
    there = [table for table in ASKED if any(table.name in m.tables for _, m in (a, b))]
    return {table.id_prefix: _compared(_labels(*a, table, votes[0]), _labels(*b, table, votes[1])) for table in there}


def _compared(before: Labels, after: Labels) -> Questions:
    both = before.keys() & after.keys()
    flips = [
        Flip(question=text[:EXAMPLE_CHARACTERS], before=_label(was), after=_label(now))
        for text in both
        if (was := before[text]) and (now := after[text]) and was[0] != now[0]
    ]
    flips.sort(key=lambda flip: (-flip.before.votes - flip.after.votes, flip.question))
    return Questions(
        added=len(after) - len(both),
        gone=len(before) - len(both),
        both=len(both),
        relabelled=len(flips),
        flips=flips[:FLIPS],
        added_examples=_examples(after.keys() - both),
        gone_examples=_examples(before.keys() - both),
    )


def _label(vote: Vote) -> Label:
    answer, votes, num_attempts = vote
    return Label(answer=answer, votes=votes, num_attempts=num_attempts)


def _votes(lineage: Lineage, m: Manifest) -> dict[str, Vote]:
    """Question -> the vote on it; none where nobody votes."""
    found: dict[str, Vote] = {}
    for table in VOTED:
        rows = read_columns(lineage.folder, m.tables.get(table.name, []), table, VOTE)
        question, *vote = rows.to_pydict().values()
        found |= dict(zip(question, zip(*vote, strict=True), strict=True))
    return found


def _labels(lineage: Lineage, m: Manifest, table: Table, votes: dict[str, Vote]) -> Labels:
    """Text -> the vote on it, if there was one. Of questions with one text, the last by id speaks."""
    by = "question_id" if "question_id" in table.schema.names else "id"
    columns = [by, "question"]
    rows = read_columns(lineage.folder, m.tables.get(table.name, []), table, columns).sort_by(by)
    return {text: votes.get(key) for key, text in zip(*rows.select(columns).to_pydict().values(), strict=True)}


def _examples(texts: set[str]) -> list[str]:
    return [text[:EXAMPLE_CHARACTERS] for text in sorted(texts)[:EXAMPLES]]


def _validations(m: Manifest) -> dict[str, Any]:
    """Validation -> whether it passed, and its failures."""
    return {
        name: {"passed": found.get("passed"), "failures": found.get("failures", [])}
        for name, found in m.validation.items()
    }


def _score_changes(before: Manifest, after: Manifest) -> list[ScoreChange]:
    was, now = _scores(before), _scores(after)
    names = [*was, *(name for name in now if name not in was)]
    return [ScoreChange(name=name, before=was.get(name), after=now.get(name)) for name in names]


def _scores(m: Manifest) -> dict[str, Score]:
    found = {f"{benchmark} {role}": score for benchmark, roles in m.scores.items() for role, score in roles.items()}
    return found | scores(m)


def _unread(side: Round, recipe: Any, records: dict[str, Any]) -> list[str]:
    lineage, m = side
    folder = f"{m.recipe}/{lineage.round_folder(m.round).name}"
    missing = [f"{folder}/stages/{name.split('.')[0]}-{m.stages[name]}.json" for name in records if not records[name]]
    return missing if recipe is not None else [f"{folder}/recipe.toml", *missing]
