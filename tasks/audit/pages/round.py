"""A round's page: its scores, its votes, its rows and what became of them, and what changed since its parent."""

from typing import Any

from schemas.controls import CONTROLS
from schemas.diff import Diff
from schemas.gate import Comparison
from schemas.manifest import Manifest, SampledScore, Score, StageRecord
from tasks.audit.changes import recipe_values
from tasks.audit.diff import diff_rounds
from tasks.audit.pages import charts
from tasks.audit.pages.charts import Chart
from tasks.audit.pages.lineage import round_line
from tasks.audit.pages.samples import Step, sample_rows, table_of
from tasks.audit.pages.votes import vote_charts
from tasks.figures import headlines, line, rows
from tasks.store.lineage import Lineage
from tasks.store.naming import open_round

STEPS = 400  # points of a training curve


def round_page(lineage: Lineage, m: Manifest, step: Step) -> dict[str, Any]:
    """What the round's template is given."""
    found = [
        *_score_charts(m),
        *vote_charts(lineage, m, recipe_values(lineage, m) or {}),  # a recipe that is gone is for `audit` to name
        *_dropped_chart(m),
        *_loss_chart(lineage, m),
    ]
    return {
        "recipe": lineage.recipe,
        "m": m,
        "line": round_line(m),
        "headlines": {label: line(values) for label, values in headlines(m).items()},
        "figures": rows(m),
        "charts": found,
        "unscored": [(CONTROLS.get(arm, arm), why) for arm, why in m.controls_failed.items()],
        "sample": sample_rows(lineage, m, step),
        "diff": _since_parent(lineage, m),
        "stages": _stages(lineage, m),
        "validation": _validation(m),
        "gated": _gated(m),
        "recipe_text": _recipe_text(lineage, m),
        "earlier": _beside(lineage, m, -1),
        "later": _beside(lineage, m, 1),
    }


def _score_charts(m: Manifest) -> list[Chart]:
    """One a benchmark: what every figure says of every checkpoint."""
    found: list[Chart] = []
    for benchmark, scores in m.scores.items():
        roles = {role: scores[role] for role in ("base", "champion", "candidate", *CONTROLS) if role in scores}
        figures: list[tuple[str, str, Score | SampledScore]] = [("greedy", role, s) for role, s in roles.items()]
        figures += [(name, role, s) for role, score in roles.items() for name, s in score.sampled.items()]
        values = [
            {"figure": figure, "checkpoint": role, "accuracy": s.accuracy, "low": s.low, "high": s.high, "items": s.n}
            for figure, role, s in figures
        ]
        k = max((s.k for s in roles.values()), default=0)
        several = (
            f" Of {k} samples an item: their mean, whether any of so many is right, their majority." if k else ""
        )
        note = f"Accuracy with its 95% interval over items.{several}"
        found.append(charts.scores(f"scores-{len(found)}", benchmark, note, values))
    return found


def _gated(m: Manifest) -> list[dict[str, Any]]:
    """What the gate compared, a benchmark a row: what it was for, what was found, what came of it."""
    if not m.gate:
        return []
    seen = f"could have shown {m.gate.detectable_gain:+.1%}" if m.gate.detectable_gain < 1 else "too few items"
    found: list[tuple[str, Comparison, str]] = [("gain", m.gate, seen)]
    for guard in m.gate.guards:
        ruled = "is ruled out" if guard.passed else "is not ruled out"
        found.append(("guard", guard, f"a loss of {guard.max_loss:.1%}{guard.whose} {ruled}"))
    if m.gate.sealed:
        found.append(("sealed", m.gate.sealed, f"reading {m.gate.sealed.reads}"))
    return [{"for": what, "found": compared, "told": told} for what, compared, told in found]


def _dropped_chart(m: Manifest) -> list[Chart]:
    values = [{"reason": reason, "rows": rows} for reason, rows in sorted(m.dropped.items(), key=lambda kv: -kv[1])]
    note = "Rows that were not kept; each is in the list below, or in the store."
    return [charts.bars("dropped", "Dropped, by reason", note, values, "reason", "rows")] if values else []


def _loss_chart(lineage: Lineage, m: Manifest) -> list[Chart]:
    steps = table_of(lineage, m, "train_steps").sort_by([("method", "ascending"), ("step", "ascending")])
    if not len(steps):
        return []
    every = -(-len(steps) // STEPS)
    values = steps.select(["method", "step", "loss"]).take(list(range(0, len(steps), every))).to_pylist()
    return [charts.lines("loss", "Training loss", "As the trainer logged it.", values, "step", "loss", "method")]


def _since_parent(lineage: Lineage, m: Manifest) -> Diff | None:
    """None where the champion was the base model."""
    return diff_rounds(open_round(lineage.store, m.parent), (lineage, m)) if m.parent else None


def _stages(lineage: Lineage, m: Manifest) -> list[tuple[str, StageRecord]]:
    """The stages as they were played, with their records; one whose record this version cannot read is left out."""
    found = ((shown, lineage.stage_record(m.round, shown.split(".")[0], key)) for shown, key in m.stages.items())
    return [(shown, record) for shown, record in found if record]


def _validation(m: Manifest) -> list[dict[str, Any]]:
    return [
        {
            "played": played,
            "passed": found.get("passed"),
            "failures": found.get("failures", []),
            "tables": [{"table": _table_at(path), **counts} for path, counts in found.get("tables", {}).items()],
        }
        for played, found in m.validation.items()
    ]


def _table_at(path: str) -> str:
    """round-0003/inputs/seeds/<key>: inputs/seeds."""
    return "/".join(path.split("/")[1:-1])


def _recipe_text(lineage: Lineage, m: Manifest) -> str:
    try:
        return (lineage.round_folder(m.round) / "recipe.toml").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _beside(lineage: Lineage, m: Manifest, step: int) -> Manifest | None:
    place = lineage.manifests.index(m) + step
    return lineage.manifests[place] if 0 <= place < len(lineage.manifests) else None
