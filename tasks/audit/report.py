"""The report: static pages of a store's lineages, one a lineage and one a round, that open from disk without a
network."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.audit.pages.lineage import lineage_page
from tasks.audit.pages.round import round_page
from tasks.audit.pages.samples import ROWS
from tasks.store.lineage import Lineage
from tasks.store.objects import write_whole
from tasks.store.place import check_writable, refuse_inside

PAGES = Path(__file__).parent / "pages"
ASSETS = ("report.css", "vega.js", "charts.js", "tables.js", "why.js", "rows.js", "vega.licences.txt")
POLICY = (  # from a disk a page's own origin is not 'self' in every browser: hence file:
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
SHORT = 300  # characters of a text in a table
FLIPS = 20  # relabelled questions that a page lists
ALARMS = 10  # the newest, that a lineage's page lists openly
UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}

Progress = Callable[[int, int, str], None]


def write_report(lineages: list[Lineage], folder: Path, progress: Progress) -> Path:
    """Write the pages of these lineages below a folder; what else is there stays. Returns the page to open.

    Raises BadInput for a folder that cannot be written, Damaged if a file of the store is not what was written.
    """
    refuse_inside(folder, lineages[0].store)
    check_writable(folder)
    jinja = _templates(lineages)
    for name in ASSETS:
        write_whole(folder / "assets" / name, (PAGES / name).read_bytes())
    rounds = [(lineage, m) for lineage in lineages for m in lineage.manifests]
    for place, (lineage, m) in enumerate(rounds):

        def step(done: int, place: int = place) -> None:
            progress(place * ROWS + done, len(rounds) * ROWS, "rows")

        page = round_page(lineage, m, step)
        write_whole(folder / lineage.recipe / page_name(m.round), _filled(jinja, "round.jinja", "../assets", page))
        step(ROWS)
    pages = [lineage_page(lineage) for lineage in lineages]
    for page in pages:
        write_whole(folder / page["recipe"] / "index.html", _filled(jinja, "lineage.jinja", "../assets", page))
    if len(lineages) == 1:
        return folder / lineages[0].recipe / "index.html"
    write_whole(folder / "index.html", _filled(jinja, "index.jinja", "assets", {"pages": pages}))
    return folder / "index.html"


def page_name(round: int) -> str:
    return f"round-{round:04d}.html"


def embedded(value: object, id: str) -> Markup:
    """A value as JSON in a script that is no code; nothing in it can end the script, or begin a comment in it."""
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode().translate(UNSAFE)
    return Markup('<script type="application/json" id="{}">{}</script>').format(id, Markup(text))


def shown(value: object) -> str:
    """A figure for people: thousands apart, four digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _distribution(figures: dict[str, float] | None) -> str:
    """The figures of a distribution, or its shares, in one line."""
    return ", ".join(f"{name} {shown(value)}" for name, value in (figures or {}).items())


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _templates(lineages: list[Lineage]) -> Environment:
    jinja = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals |= {
        "policy": POLICY,
        "store": str(lineages[0].store),
        "several": len(lineages) > 1,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "flips": FLIPS,
        "newest": ALARMS,
    }
    jinja.filters |= {
        "page": page_name,
        "embedded": embedded,
        "shown": shown,
        "duration": duration,
        "short": lambda text: text if len(text) <= SHORT else f"{text[:SHORT]}…",
        "distribution": _distribution,
        "percent": lambda share: f"{share:.1%}",
        "words": lambda name: name.replace("_", " "),
        "day": lambda at: at[:16].replace("T", " "),
    }
    return jinja


def _filled(jinja: Environment, template: str, assets: str, page: dict[str, Any]) -> bytes:
    return jinja.get_template(template).render(page, assets=assets).encode()
