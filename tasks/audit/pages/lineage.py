"""A lineage's page: every round beside the others, as the manifests and records have it."""

from collections import defaultdict
from typing import Any

from schemas.controls import CONTROLS
from schemas.manifest import Manifest, Score, StageRecord
from schemas.tables import MEASURED
from tasks.audit.changes import recipe_values
from tasks.audit.pages import charts
from tasks.audit.pages.charts import Chart
from tasks.audit.pages.samples import SHOWN
from tasks.figures import headlines, means, pooled, precisions, words
from tasks.store.lineage import Lineage

DIVERSITY = {  # what the alarms measure: title, what it says, form
    "answer_entropy": ("Answer entropy", "Of the answers to a question, of the greatest it could be.", ".3~f"),
    "unanimous": ("Unanimous questions", "Share of the questions whose attempts all agree.", ".2~%"),
    "distinct_2": (
        "Distinct word pairs",
        "Of the new questions, over those of equally many pairs of the seeds.",
        ".2~f",
    ),
    "near_duplicates": (
        "Not new",
        "Share of the questions that were too near to the seeds or an earlier one.",
        ".2~%",
    ),
    "same_answer": ("The commonest answer", "Share of all attempts, whatever the question, that give it.", ".2~%"),
    "read_from_prose": (
        "Read from prose",
        "Share of the answers that were read as the last number in the text.",
        ".2~%",
    ),
    "mean_tokens": ("Length of an attempt", "Tokens, on average.", ".1~f"),
}


def lineage_page(lineage: Lineage) -> dict[str, Any]:
    """What the lineage's template is given."""
    champion = lineage.champion_round
    return {
        "recipe": lineage.recipe,
        "rounds": [round_line(m) for m in lineage.manifests],
        "controls": {
            arm: label for arm, label in CONTROLS.items() if any(score_of(m, arm) for m in lineage.manifests)
        },
        "judges": list(dict.fromkeys(judge for m in lineage.manifests for judge in precisions(m))),
        "champion": champion,
        "base": _base(lineage),
        "now": _last_accuracy(lineage),
        "charts": [
            *_score_charts(lineage),
            *_precision_charts(lineage),
            *_headline_charts(lineage),
            *_volume_charts(lineage),
            *_cost_charts(lineage),
        ],
        "diversity": _diversity_charts(lineage),
        "records": lineage.records,
        "alarms": [
            (f"{m.recipe}/{m.round}", m.round, alarm) for m in reversed(lineage.manifests) for alarm in m.alarms
        ],
    }


def round_line(m: Manifest) -> dict[str, Any]:
    """A round in one line of figures."""
    before, after = score_of(m, "champion"), score_of(m, "candidate")
    return {
        "m": m,
        "name": f"{m.recipe}/{m.round}",
        "before": before,
        "after": after,
        "controls": {arm: score_of(m, arm) for arm in CONTROLS},
        "gain": m.gate.difference if m.gate else None,
        "precisions": precisions(m),
        "trained": sum(m.trained_on.values()),
        "dropped": sum(m.dropped.values()),
        "tokens": sum(m.tokens.values()),
        "seconds": sum(m.seconds.values()),
    }


def score_of(m: Manifest, role: str) -> Score | None:
    """On the benchmark that the gate looks at."""
    return m.scores.get(m.gate.benchmark, {}).get(role) if m.gate else None


def rows_of(m: Manifest, table: str) -> int:
    return sum(ref.rows for ref in m.tables.get(table, []))


def _base(lineage: Lineage) -> Score | None:
    return next((score for m in lineage.manifests if (score := score_of(m, "base"))), None)


def _last_accuracy(lineage: Lineage) -> Score | None:
    champion = lineage.champion_round
    return score_of(champion, "candidate") if champion else _base(lineage)


def _score_charts(lineage: Lineage) -> list[Chart]:
    """One a benchmark: the candidate of each round, and the base model's line."""
    benchmarks = dict.fromkeys(name for m in lineage.manifests for name in m.scores)
    found: list[Chart] = []
    for name in benchmarks:
        values = [_scored(m, m.scores.get(name, {}).get("candidate")) for m in lineage.manifests]
        base = next((m.scores[name]["base"] for m in lineage.manifests if "base" in m.scores.get(name, {})), None)
        note = "Each round's candidate, with its 95% interval; the line joins the rounds that were promoted."
        title, id = f"Accuracy on {name}", f"accuracy-{len(found)}"
        found.append(charts.scores_by_round(id, title, note, values, base.accuracy if base else None))
    return found


def _scored(m: Manifest, score: Score | None) -> dict[str, Any]:
    decided = {"round": m.round, "decision": m.decision, "champion": m.decision == "promoted"}
    figures = ("accuracy", "low", "high", "n")
    return decided | {name: getattr(score, name) if score else None for name in figures}


def _precision_charts(lineage: Lineage) -> list[Chart]:
    """One a judge that was measured on rows of known truth."""
    values: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for m in lineage.manifests:
        for judge, p in precisions(m).items():
            decided = {"low": p.low, "high": p.high, "rows decided": p.n}
            values[judge].append({"round": m.round, "share": p.accuracy} | decided)
    recipe = recipe_values(lineage, lineage.manifests[-1]) or {} if values else {}
    note = "How often its labels were right where the truth is known; 95% interval."
    return [
        charts.shares_by_round(
            f"precision-{judge}", f"{words(judge)} precision".capitalize(), note, found,
            recipe.get(f"validation.min_{judge}_precision"),
        )
        for judge, found in values.items()
    ]  # fmt: skip


def _headline_charts(lineage: Lineage) -> list[Chart]:
    """What stages measured over the rounds, a chart a stage; scores have charts of their own."""
    values: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for m in lineage.manifests:
        for label, measured in headlines(m).items():
            if not pooled(measured):
                values[label] += [
                    {"round": m.round, "of": of or label, "figure": n} for of, n in means(measured).items()
                ]
    note = "In rounds of several waves, their mean."
    return [
        charts.lines(f"measured-{number}", label.capitalize(), note, found, "round", "figure", "of")
        for number, (label, found) in enumerate(values.items())
        if found
    ]


def _volume_charts(lineage: Lineage) -> list[Chart]:
    written = {name for m in lineage.manifests for name in m.tables}
    kept = [table.name for table in SHOWN if table.name in written and table.name not in MEASURED]
    dropped = [
        {"round": m.round, "reason": reason, "rows": rows}
        for m in lineage.manifests
        for reason, rows in m.dropped.items()
    ]
    volumes = [
        {"round": m.round, "of": what, "rows": rows}
        for m in lineage.manifests
        for what, rows in [*((name, rows_of(m, name)) for name in kept), ("trained on", sum(m.trained_on.values()))]
    ]
    note = "Rows that later rounds read or that are trained on."
    return [
        charts.lines("volumes", "Volumes", note, volumes, "round", "rows", "of"),
        charts.stacked_by_round(
            "dropped", "Dropped, by reason", "Every row that was not kept has one.", dropped, "reason", "rows"
        ),
    ]


def _diversity_charts(lineage: Lineage) -> list[Chart]:
    """What the stage `alarms` measured, of the rounds that played it."""
    records = (
        (m.round, lineage.stage_record(m.round, "alarms", m.stages.get("alarms", ""))) for m in lineage.manifests
    )
    measured = {round: _figures(record) for round, record in records if record}
    found = []
    for name, (title, note, form) in DIVERSITY.items():
        values = [{"round": n, "figure": row[name]} for n, row in measured.items() if row.get(name) is not None]
        if values:
            found.append(charts.line_by_round(name, title, note, values, form))
    return found


def _figures(record: StageRecord) -> dict[str, float | None]:
    return {**record.figures["figures"], **record.figures["measured"]["of"].get("length_drift", {})}


def _cost_charts(lineage: Lineage) -> list[Chart]:
    seconds = [
        {"round": m.round, "stage": stage, "seconds": total}
        for m in lineage.manifests
        for stage, total in _by_stage(m.seconds).items()
    ]
    tokens = [
        {"round": m.round, "stage": stage, "tokens": int(total)}
        for m in lineage.manifests
        for stage, total in _by_stage(m.tokens).items()
        if total
    ]
    stacked = charts.stacked_by_round
    return [
        stacked("seconds", "Seconds, by stage", "What was reused cost none.", seconds, "stage", "seconds"),
        stacked("tokens", "Tokens, by stage", "Generated, retries included.", tokens, "stage", "tokens"),
    ]


def _by_stage(amounts: dict[str, float] | dict[str, int]) -> dict[str, float]:
    """`evaluate.base` and `evaluate.candidate` are one stage."""
    together: dict[str, float] = defaultdict(float)
    for played, amount in amounts.items():
        together[played.split(".")[0]] += amount
    return dict(together)
