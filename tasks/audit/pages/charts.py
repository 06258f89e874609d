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
INTERVAL: Spec = {"type": "rule", "aria": False, "strokeWidth": 2}
BAR: Spec = {"type": "bar", "stroke": "var(--panel)", "strokeWidth": 1}
ORDER: Spec = {"field": "order", "type": "quantitative"}
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
    colour = _coloured("decision", list(DECISIONS), [f"var(--{name})" for name in DECISIONS])
    colour["legend"] |= {"values": sorted({row["decision"] for row in values})}
    shape = colour | {"scale": {"domain": list(DECISIONS), "range": list(DECISIONS.values())}}
    decided = {"color": colour, "shape": shape}
    told = [_told("round"), _told("decision")]
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.champion && datum.accuracy != null"}],
            "mark": TREND,
            "encoding": {"y": _figure("accuracy")},
        },
        {"mark": INTERVAL, "encoding": {"y": _figure("low"), "y2": {"field": "high"}, "color": colour}},
        {
            "mark": _points(110),
            "encoding": decided | {"y": _figure("accuracy"), "tooltip": [*told, *_with_interval("accuracy")]},
        },
        {
            "transform": [{"filter": "datum.accuracy == null"}],
            "mark": _points(110),
            "encoding": decided | {"y": {"value": SCORES_HEIGHT - 8}, "tooltip": told},
        },
    ]
    if base is not None:
        layers.insert(0, _line_at(base, f"base {base:.1%}"))
    spec: Spec = {"encoding": {"x": ROUND}, "layer": layers, "height": SCORES_HEIGHT}
    return Chart(id, title, note, values, spec, wide=True)


def shares_by_round(id: str, title: str, note: str, values: Values, threshold: float | None = None) -> Chart:
    """A share a round with its interval, and what it has to reach."""
    told, colour = [_told("round"), *_with_interval("share")], {"color": "var(--c1)"}
    layers: list[Spec] = [
        {"mark": TREND, "encoding": {"y": _figure("share")}},
        {"mark": INTERVAL | colour, "encoding": {"y": _figure("low"), "y2": {"field": "high"}}},
        {"mark": _points(80) | colour, "encoding": {"y": _figure("share"), "tooltip": told}},
    ]
    if threshold is not None:
        layers.insert(0, _line_at(threshold, f"needed {threshold:.0%}"))
    return Chart(id, title, note, values, {"encoding": {"x": ROUND}, "layer": layers})


def line_by_round(id: str, title: str, note: str, values: Values, form: str) -> Chart:
    """One measure over the rounds, in its own unit."""
    point = {"size": 60, "filled": True, "color": "var(--c1)"}
    spec: Spec = {
        "mark": {"type": "line", "point": point, "color": "var(--c1)"},
        "encoding": {
            "x": ROUND,
            "y": _figure("figure", {"format": form, "tickCount": 4}),
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
        "mark": BAR | {"width": {"band": 0.68}},
        "encoding": {
            "x": ROUND,
            "y": {"field": amount, "type": "quantitative", "title": None, "axis": COUNTS},
            "color": _coloured(part, shown),
            "order": ORDER,
            "tooltip": [_told("round"), _told(part), _told(amount, ",.4~r")],
        },
    }
    return Chart(id, title, note, values, spec)


def bars(id: str, title: str, note: str, values: Values, name: str, amount: str) -> Chart:
    """A lying bar a name, in the order given, with its figure at its end."""
    names = [row[name] for row in values]
    y = {"field": name, "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 150}}
    x = {"field": amount, "type": "quantitative", "title": None, "axis": None, "scale": {"padding": 24}}
    written = {"field": amount, "type": "quantitative", "format": ","}
    spec: Spec = {
        "encoding": {"y": y, "x": x, "tooltip": [_told(name), _told(amount, ",")]},
        "layer": [
            {"mark": {"type": "bar", "color": "var(--c1)", "height": {"band": 0.66}}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": "var(--soft)"},
                "encoding": {"text": written},
            },
        ],
        "height": 24 * len(values),
    }
    return Chart(id, title, note, values, spec)


def histogram(id: str, title: str, note: str, values: Values, axis: str, kinds: Mapping[str, str]) -> Chart:
    """Bins that were counted already, stacked by kind (kind -> colour): `from`, `to`, `kind`, `count`, and under the
    axis's name the middle."""
    shown = [kind for kind in kinds if any(row["kind"] == kind for row in values)]
    domain = [min(0, *(r["from"] for r in values)), max(1, *(r["to"] for r in values))]
    ticks = SHARES | {"values": [0, 0.25, 0.5, 0.75, 1]}
    spec: Spec = {
        "data": {"values": [{**row, "order": shown.index(row["kind"])} for row in values]},
        "mark": BAR | {"orient": "vertical"},
        "encoding": {
            "x": {"field": "from", "type": "quantitative", "title": axis, "axis": ticks, "scale": {"domain": domain}},
            "x2": {"field": "to"},
            "y": {"field": "count", "type": "quantitative", "title": None, "axis": COUNTS, "stack": "zero"},
            "color": _coloured("kind", shown, [kinds[kind] for kind in shown]),
            "order": ORDER,
            "tooltip": [_told(axis, ".1%"), _told("kind"), _told("count", ",")],
        },
    }
    return Chart(id, title, note, values, spec)


def scores(id: str, title: str, note: str, values: Values) -> Chart:
    """Figures with their intervals, a line a checkpoint; those of a figure stand together."""
    names, checkpoints = (list(dict.fromkeys(row[name] for row in values)) for name in ("figure", "checkpoint"))
    colour = _coloured("checkpoint", list(CHECKPOINTS), list(CHECKPOINTS.values()))
    colour["legend"] |= {"values": checkpoints}
    told = [_told("figure"), _told("checkpoint"), *_with_interval("accuracy")]
    spec: Spec = {
        "encoding": {
            "y": {"field": "figure", "type": "nominal", "sort": names, "title": None},
            "yOffset": {"field": "checkpoint", "type": "nominal", "sort": checkpoints},
            "color": colour,
        },
        "layer": [
            {"mark": INTERVAL, "encoding": {"x": _figure("low"), "x2": {"field": "high"}}},
            {"mark": _points(70), "encoding": {"x": _figure("accuracy"), "tooltip": told}},
        ],
        "height": 18 * len(values) + 8 * len(names),
    }
    return Chart(id, title, note, values, spec)


def lines(id: str, title: str, note: str, values: Values, x: str, y: str, series: str) -> Chart:
    """A line a series: counts over rounds, figures over steps."""
    of_rounds = x == "round"
    steps = {"field": x, "type": "quantitative", "title": x, "axis": {"format": ",d", "tickMinStep": 1}}
    counts = of_rounds and all(isinstance(row[y], int) for row in values)
    axis = COUNTS if counts else {"format": "~g", "tickCount": 5}
    spec: Spec = {
        "mark": {"type": "line", "strokeWidth": 1.75, "point": {"size": 40} if of_rounds else False},
        "encoding": {
            "x": ROUND if of_rounds else steps,
            "y": _figure(y, axis) | {"scale": {"zero": of_rounds}},
            "color": _coloured(series, list(dict.fromkeys(row[series] for row in values))),
            "tooltip": [_told(series), _told(x), _told(y, ",.4~r")],
        },
    }
    return Chart(id, title, note, values, spec)


def _figure(name: str, axis: Spec = SHARES) -> Spec:
    """What is read off an axis that need not begin at zero."""
    return {"field": name, "type": "quantitative", "title": None, "axis": axis, "scale": {"zero": False}}


def _coloured(name: str, domain: list[str], colours: list[str] | None = None) -> Spec:
    colours = colours or [f"var(--c{n})" for n in range(1, len(domain) + 1)]
    return {"field": name, "scale": {"domain": domain, "range": colours}, "legend": {"title": None}}


def _points(size: int) -> Spec:
    return {"type": "point", "filled": True, "size": size, "opacity": 1}


def _told(name: str, form: str | None = None) -> Spec:
    """A line of a mark's tooltip, and of what a screen reader says of it."""
    return {"field": name, "type": "quantitative", "format": form} if form else {"field": name, "type": "nominal"}


def _with_interval(name: str) -> list[Spec]:
    return [_told(told, ".1%") for told in (name, "low", "high")]


def _line_at(share: float, words: str) -> Spec:
    y, soft = {"datum": share, "type": "quantitative"}, {"color": "var(--soft)"}
    placed = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -3}
    return {
        "data": {"values": [{}]},  # once, not once a round
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [4, 4]} | soft, "encoding": {"x": None, "y": y}},
            {"mark": {"type": "text", "text": words} | placed | soft, "encoding": {"x": {"value": 0}, "y": y}},
        ],
    }
