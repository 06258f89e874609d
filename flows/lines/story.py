"""What `why` and `where` print. Model text is quoted: one line, cut, and no character that a terminal obeys.

No table is named here: what a row says is its columns, by name and value.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from flows.lines.plain import escaped
from schemas.controls import CONTROLS
from schemas.tables import TABLES
from tasks.audit.ancestry import Explained
from tasks.audit.descent import Descent
from tasks.audit.rows import ROW_ID
from tasks.figures import many

Row = dict[str, Any]
CUT = 100  # characters of a text; --json has it whole
WIDTH = 160  # of a line with several columns
SHOWN = 3  # ids of a table
SHOWN_OF_A_LIST = 16  # few-shots are fewer, tokens more
RELATIONS = {"up": "<", "itself": "*", "beside": "=", "down": ">"}


def story(found: Explained) -> str:
    """A row's ancestry: itself, then table by table; empty sections are left out."""
    signs = "< what it was made of, * itself, = beside it, > made of it"
    sections = {
        f"{found.id}  in {found.recipe}/{found.round} ({found.decision}{_of(found.arm)})": list(_itself(found)),
        "dropped": [f"{d['id']}  {_refusal(d)}" for d in found.dropped],
        f"told of it, table by table ({signs}; --json has all)": [""] if found.tables else [],
    }
    for table, entries in found.tables.items():
        sections[f"{table}: {TABLES[table].meaning}"] = [*_wrote(found, entries), *_rows(entries)]
    return _printed(
        sections
        | {
            "left out": [f"{many(found.left_out, 'row')} more"] if found.left_out else [],
            "filters": [_filter(f) for f in found.filters],
            "checkpoints": [_weights(c) for c in found.checkpoints],
        }
    )


def descent(found: Descent) -> str:
    """What was made of a row, round by round."""
    sections = {f"{found.id}  in {found.recipe}/{found.round}{_of(found.arm)}": [_refusal(d) for d in found.dropped]}
    for played in found.rounds:
        lines = [f"{len(ids):>7,}  {table:<17} {_few(ids)}" for table, ids in played["made"].items()]
        reasons = Counter(d["reason"] for d in played["dropped"])
        lines += [f"{count:>7,}  dropped: {reason}" for reason, count in sorted(reasons.items())]
        lines += [f"trained on by {t['method']} of {t['round']}" for t in played["trained"]]
        sections[f"{played['round']} ({played['decision']})"] = lines
    sections["checkpoints"] = [_weights(c) for c in found.checkpoints]
    if not (found.rounds or found.checkpoints):
        sections["nothing was made of it"] = [""]
    return _printed(sections)


def quoted(value: object) -> str:
    """A text in quotation marks, on one line: cut, with its length, and with escapes for what is not printable."""
    if value is None:
        return "-"
    text = str(value)
    return f'"{escaped(text[:CUT])}"' + (f" ... ({many(len(text), 'character')})" if len(text) > CUT else "")


def _printed(sections: dict[str, list[str]]) -> str:
    """Headings with their lines; the first stands alone if it must. Only printable characters leave, whatever a store
    holds."""
    lines: list[str] = []
    for number, (heading, section) in enumerate(sections.items()):
        if section or not number:
            lines += [*([""] if number else []), heading, *(f"  {line}" for line in section if line)]
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _of(arm: str) -> str:
    return f", of the control '{CONTROLS[arm]}' alone" if arm else ""


def _itself(found: Explained) -> Iterator[str]:
    for name, value in (found.row or {}).items():
        if name not in ("id", "prompt_digest"):
            yield f"{name:<18}{_worded(value)}{_digest(name, found.row or {})}"
    if found.source:
        yield _source(found.source)


def _wrote(found: Explained, entries: list[Row]) -> Iterator[str]:
    """The stages that wrote these rows, as far as they are told: whom they asked, with which template."""
    for stage in found.stages:
        if (stage["stage"], stage["round"]) in {(e["stage"], e["round"]) for e in entries}:
            yield f"by {stage['stage']} of {stage['round']}{_asked(stage)}"


def _rows(entries: list[Row]) -> Iterator[str]:
    """What all of them say, once; then each, with what it alone says."""
    others = [e["row"] for e in entries if e["relation"] != "itself"]
    alike = {
        name: value
        for name, value in (others[0] if len(others) > 1 else {}).items()
        if all(name in row and row[name] == value for row in others)
    }
    if alike:
        yield from _wrapped("all: ", _said(alike))
    for e in entries:
        said = [] if e["relation"] == "itself" else _said({k: v for k, v in e["row"].items() if k not in alike})
        if "source" in e:
            said.append(_source(e["source"]))
        if "trained" in e:
            by = ", ".join(f"{t['method']} of {t['round']}" for t in e["trained"])
            said.append(f"read by {by or 'no training'}")
        yield from _wrapped(f"{RELATIONS[e['relation']]} {e['row']['id']}  ", said)


def _said(row: Row) -> list[str]:
    """Columns by name and value; those that say nothing are left out."""
    return [
        f"{name} {_worded(value)}{_digest(name, row)}"
        for name, value in row.items()
        if value is not None and name not in ("id", "prompt_digest")
    ]


def _digest(name: str, row: Row) -> str:
    return f" (SHA-256 {row['prompt_digest'][:12]})" if name == "prompt" else ""


def _wrapped(line: str, pieces: list[str]) -> Iterator[str]:
    for number, piece in enumerate(pieces):
        if len(line) + len(piece) > WIDTH and line.strip():
            yield line.rstrip(" ")
            line = "    "
        line += piece + ", " * (number < len(pieces) - 1)
    yield line.rstrip(" ")


def _source(source: Row) -> str:
    return f"{source['key']}: {quoted(source['path'])}, row {_figure(source['row'])}"


def _worded(value: object) -> str:
    """A text quoted, unless it is a word or an id; of a list, the first of it."""
    if isinstance(value, list):
        return ", ".join(map(_worded, value[:SHOWN_OF_A_LIST])) + ", ..." * (len(value) > SHOWN_OF_A_LIST)
    if isinstance(value, dict):
        return " ".join(_worded(inner) for inner in value.values())
    named = isinstance(value, str) and len(value) <= CUT and (value.isidentifier() or ROW_ID.fullmatch(value))
    return quoted(value) if isinstance(value, str) and not named else _figure(value)


def _filter(f: Row) -> str:
    against = f" against {_figure(f['threshold'])}" if f["threshold"] is not None else ""
    figure = f"{_figure(f['figure'])}{against}" if f["figure"] is not None else against.strip()
    return f"{f['stage']:<9} {f['filter']:<24} {figure:<24} {f['outcome']}"


def _weights(c: Row) -> str:
    gone = ", weights dropped" if c["weights_dropped"] else ""
    decided = f" ({c['decision']}{gone}: {c['reason']})" if c["decision"] else ""
    scores = (f"  {name} {s['accuracy']:.1%} [{s['low']:.1%}, {s['high']:.1%}]" for name, s in c["scores"].items())
    return f"{c['digest'][:12]}  {_named(c)}{decided}{''.join(scores)}"


def _asked(played: Row) -> str:
    """Which checkpoint a stage asked, or which teacher, with which template; and whether that is verified."""
    asked = ""
    if found := played["checkpoint"]:
        asked = f": {_named(found)} ({found['digest'][:12]})"
    if played["teacher"]:
        asked = f": the teacher {quoted(played['teacher'])}"
    template = ", ".join(f"{p['name']} ({p['digest'][:12]})" for p in played["prompts"])
    return f"{asked}{f', template {template}' if template else ''}{_by_url(played)}"


def _by_url(played: Row) -> str:
    if not played["url_engine"]:
        return ""
    told = ", ".join(f"{name} {quoted(value)}" for name, value in played["figures"].get("server", {}).items())
    return f", unverified, by {played['url_engine']['api']} of a server" + (f" that says {told}" if told else "")


def _named(c: Row) -> str:
    return f"candidate of {c['made_by']}" if c["made_by"] else c["role"] or "unknown weights"


def _refusal(d: Row) -> str:
    figure = f", {_figure(d['figure'])}" if d["figure"] is not None else ""
    against = f" against {_figure(d['threshold'])}" if d["threshold"] is not None else ""
    text = f"  {quoted(d['text'])}" if d["text"] is not None else ""
    return f"by {d['stage']} of {d['round']}: {d['reason']}{figure}{against}{text}"


def _few(ids: list[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", ..." if len(ids) > SHOWN else "")


def _mark(correct: bool | None) -> str:
    return "undecided" if correct is None else "right" if correct else "wrong"


def _figure(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
