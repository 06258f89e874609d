"""The report's charts, as Vega-Lite specifications: data, not code. Colours are the stylesheet's own variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Values = Sequence[Mapping[str, Any]]
Spec = dict[str, Any]

SALTIRE = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"  # Vega's own cross stands upright
DECISIONS = {"promoted": "triangle-up", "held": "square", "failed": SALTIRE, "withdrawn": "diamond"}
CHECKPOINTS = {
    "base": "var(--c1)", "champion": "var(--c2)", "candidate": "var(--c3)",
    "control_seeds": "var(--c4)", "control_random": "var(--c5)",
}  # fmt: skip
COLOURS = 8
SCORES_HEIGHT = 280
COUNTS: Spec = {"labelExpr": "format(datum.value, '~s')", "tickMinStep": 1, "tickCount": 5}
SHARES: Spec = {"format": ".0%", "tickCount": 5}
TREND: Spec = {"type": "line", "aria": False, "color": "var(--soft)", "strokeWidth": 1.25, "strokeOpacity": 0.6}
ROUND: Spec = {"field": "round", "type": "ordinal", "title": "round", "axis": {"labelAngle": 0}}


@dataclass(frozen=True)
class Chart:
    """A figure of a page: a specification without its data, and the data, which the page lists as a table too."""

    id: str
    title: str
    note: str
    values: Values
    spec: Spec
    wide: bool = False

    @property
    def drawn(self) -> Spec:
        fitted = {"type": "fit-x", "contains": "padding"}
        return {"width": "container", "height": 220, "autosize": fitted, "data": {"values": self.values}} | self.spec


def scores_by_round(id: str, title: str, note: str, values: Values, base: float | None) -> Chart:
    """A point a round with its interval, its shape and colour telling the decision, at the foot if it has no score;
    `base` is a dashed line."""
    share = {"type": "quantitative", "axis": SHARES, "scale": {"zero": False}, "title": None}
    decided = {
        "field": "decision",
        "scale": {"domain": list(DECISIONS), "range": [f"var(--{name})" for name in DECISIONS]},
        "legend": {"title": None, "values": sorted({row["decision"] for row in values})},
    }
    shape = decided | {"scale": {"domain": list(DECISIONS), "range": list(DECISIONS.values())}}
    told = [_told("round"), _told("decision"), *(_told(name, ".1%") for name in ("accuracy", "low", "high"))]
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.champion && datum.accuracy != null"}],
            "mark": TREND,
            "encoding": {"y": {"field": "accuracy", **share}},
        },
        {
            "mark": {"type": "rule", "aria": False, "strokeWidth": 2},
            "encoding": {"y": {"field": "low", **share}, "y2": {"field": "high"}, "color": decided},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {
                "y": {"field": "accuracy", **share},
                "color": decided,
                "shape": shape,
                "tooltip": told,
            },
        },
    ]
    unscored = {"color": decided, "shape": shape, "y": {"value": SCORES_HEIGHT - 8}}
    layers.append(
        {
            "transform": [{"filter": "datum.accuracy == null"}],
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": unscored | {"tooltip": [_told("round"), _told("decision")]},
        }
    )
    if base is not None:
        layers.insert(0, _line_at(base, f"base {base:.1%}"))
    spec: Spec = {"encoding": {"x": ROUND}, "layer": layers, "height": SCORES_HEIGHT}
    return Chart(id, title, note, values, spec, wide=True)


def shares_by_round(id: str, title: str, note: str, values: Values, threshold: float | None = None) -> Chart:
    """A share a round with its interval, and what it has to reach."""
    share = {"type": "quantitative", "axis": SHARES, "scale": {"zero": False}, "title": None}
    told = [_told("round"), *(_told(name, ".1%") for name in ("share", "low", "high"))]
    layers: list[Spec] = [
        {
            "mark": TREND,
            "encoding": {"y": {"field": "share", **share}},
        },
        {
            "mark": {"type": "rule", "aria": False, "strokeWidth": 2, "color": "var(--c1)"},
            "encoding": {"y": {"field": "low", **share}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1, "color": "var(--c1)"},
            "encoding": {"y": {"field": "share", **share}, "tooltip": told},
        },
    ]
    if threshold is not None:
        layers.insert(0, _line_at(threshold, f"needed {threshold:.0%}"))
    return Chart(id, title, note, values, {"encoding": {"x": ROUND}, "layer": layers})


def line_by_round(id: str, title: str, note: str, values: Values, form: str) -> Chart:
    """One measure over the rounds, in its own unit."""
    y = {"field": "figure", "type": "quantitative", "title": None, "scale": {"zero": False}}
    spec: Spec = {
        "mark": {"type": "line", "point": {"size": 60, "filled": True, "color": "var(--c1)"}, "color": "var(--c1)"},
        "encoding": {
            "x": ROUND,
            "y": y | {"axis": {"format": form, "tickCount": 4}},
            "tooltip": [_told("round"), _told("figure", form)],
        },
        "height": 110,
    }
    return Chart(id, title, note, values, spec)


def stacked_by_round(id: str, title: str, note: str, values: Values, part: str, amount: str) -> Chart:
    """A bar a round, in parts: the largest over all rounds first, what is beyond the colours as `other`."""
    totals: dict[str, float] = {}
    for row in values:
        totals[row[part]] = totals.get(row[part], 0) + row[amount]
    largest = sorted(totals, key=lambda name: (-totals[name], name))
    named = largest if len(largest) <= COLOURS else largest[: COLOURS - 1]
    shown = [*named, *(["other"] if len(largest) > len(named) else [])]
    folded: dict[tuple[int, str], float] = {}
    for row in values:
        key = (row["round"], row[part] if row[part] in named else "other")
        folded[key] = folded.get(key, 0) + row[amount]
    rows = [
        {"round": n, part: name, amount: total, "order": shown.index(name)} for (n, name), total in folded.items()
    ]
    spec: Spec = {
        "data": {"values": rows},
        "mark": {"type": "bar", "stroke": "var(--panel)", "strokeWidth": 1, "width": {"band": 0.68}},
        "encoding": {
            "x": ROUND,
            "y": {"field": amount, "type": "quantitative", "title": None, "axis": COUNTS},
            "color": {
                "field": part,
                "scale": {"domain": shown, "range": [f"var(--c{n})" for n in range(1, len(shown) + 1)]},
                "legend": {"title": None},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [_told("round"), _told(part), _told(amount, ",.4~r")],
        },
    }
    return Chart(id, title, note, values, spec)


def bars(id: str, title: str, note: str, values: Values, name: str, amount: str) -> Chart:
    """A lying bar a name, in the order given, with its figure at its end."""
    names = [row[name] for row in values]
    y = {"field": name, "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 150}}
    told = [_told(name), _told(amount, ",")]
    x = {"field": amount, "type": "quantitative", "title": None, "axis": None, "scale": {"padding": 24}}
    spec: Spec = {
        "encoding": {"y": y, "x": x, "tooltip": told},
        "layer": [
            {"mark": {"type": "bar", "color": "var(--c1)", "height": {"band": 0.66}}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": "var(--soft)"},
                "encoding": {"text": {"field": amount, "type": "quantitative", "format": ","}},
            },
        ],
        "height": 24 * len(values),
    }
    return Chart(id, title, note, values, spec)


def histogram(id: str, title: str, note: str, values: Values, axis: str, kinds: Mapping[str, str]) -> Chart:
    """Bins that were counted already, stacked by kind (kind -> colour): `from`, `to`, `kind`, `count`, and under the
    axis's name the middle."""
    shown = [kind for kind in kinds if any(row["kind"] == kind for row in values)]
    rows = [{**row, "order": shown.index(row["kind"])} for row in values]
    spec: Spec = {
        "data": {"values": rows},
        "mark": {"type": "bar", "orient": "vertical", "stroke": "var(--panel)", "strokeWidth": 1},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "title": axis,
                "axis": {"format": ".0%", "tickCount": 5, "values": [0, 0.25, 0.5, 0.75, 1]},
                "scale": {"domain": [min(0, *(r["from"] for r in values)), max(1, *(r["to"] for r in values))]},
            },
            "x2": {"field": "to"},
            "y": {"field": "count", "type": "quantitative", "title": None, "axis": COUNTS, "stack": "zero"},
            "color": {
                "field": "kind",
                "scale": {"domain": shown, "range": [kinds[kind] for kind in shown]},
                "legend": {"title": None},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [_told(axis, ".1%"), _told("kind"), _told("count", ",")],
        },
    }
    return Chart(id, title, note, values, spec)


def scores(id: str, title: str, note: str, values: Values) -> Chart:
    """Figures with their intervals, a line a checkpoint; those of a figure stand together."""
    x = {"type": "quantitative", "title": None, "scale": {"zero": False}, "axis": SHARES}
    names, checkpoints = (list(dict.fromkeys(row[name] for row in values)) for name in ("figure", "checkpoint"))
    told = [_told("figure"), _told("checkpoint"), *(_told(name, ".1%") for name in ("accuracy", "low", "high"))]
    spec: Spec = {
        "encoding": {
            "y": {"field": "figure", "type": "nominal", "sort": names, "title": None},
            "yOffset": {"field": "checkpoint", "type": "nominal", "sort": checkpoints},
            "color": {
                "field": "checkpoint",
                "scale": {"domain": list(CHECKPOINTS), "range": list(CHECKPOINTS.values())},
                "legend": {"title": None, "values": checkpoints},
            },
        },
        "layer": [
            {
                "mark": {"type": "rule", "aria": False, "strokeWidth": 2},
                "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {"x": {"field": "accuracy", **x}, "tooltip": told},
            },
        ],
        "height": 18 * len(values) + 8 * len(names),
    }
    return Chart(id, title, note, values, spec)


def lines(id: str, title: str, note: str, values: Values, x: str, y: str, series: str) -> Chart:
    """A line a series: counts over rounds, figures over steps."""
    names = list(dict.fromkeys(row[series] for row in values))
    along = (
        ROUND
        if x == "round"
        else {"field": x, "type": "quantitative", "title": x, "axis": {"format": ",d", "tickMinStep": 1}}
    )
    colours = [f"var(--c{n})" for n in range(1, len(names) + 1)]
    spec: Spec = {
        "mark": {"type": "line", "strokeWidth": 1.75, "point": {"size": 40} if x == "round" else False},
        "encoding": {
            "x": along,
            "y": {
                "field": y,
                "type": "quantitative",
                "title": None,
                "axis": COUNTS if x == "round" else {"format": "~g", "tickCount": 5},
                "scale": {"zero": x == "round"},
            },
            "color": {"field": series, "scale": {"domain": names, "range": colours}, "legend": {"title": None}},
            "tooltip": [_told(series), _told(x), _told(y, ",.4~r")],
        },
    }
    return Chart(id, title, note, values, spec)


def _told(name: str, form: str | None = None) -> Spec:
    """A line of a mark's tooltip, and of what a screen reader says of it."""
    return {"field": name, "type": "quantitative", "format": form} if form else {"field": name, "type": "nominal"}


def _line_at(share: float, words: str) -> Spec:
    y = {"datum": share, "type": "quantitative"}
    return {
        "data": {"values": [{}]},  # once, not once a round
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--soft)"}, "encoding": {"x": None, "y": y}},
            {
                "mark": {"type": "text", "align": "left", "baseline": "bottom", "dx": 4, "dy": -3, "text": words,
                         "color": "var(--soft)"},
                "encoding": {"x": {"value": 0}, "y": y},
            },
        ]
    }  # fmt: skip
