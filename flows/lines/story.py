"""What `why` and `where` print. Model text is quoted: one line, cut, and no character that a terminal obeys."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from flows.lines.plain import escaped
from schemas.controls import CONTROLS
from tasks.audit.ancestry import Explained
from tasks.audit.descent import Descent

Row = dict[str, Any]
CUT = 100  # characters of a text; --json has it whole
SHOWN = 3  # ids of a table
SHOWN_OF_A_LIST = 16  # few-shots are fewer, tokens more


def story(found: Explained) -> str:
    """A row's ancestry, section by section; empty sections are left out."""
    return _printed(
        {
            f"{found.id}  in {found.recipe}/{found.round} ({found.decision}{_of(found.arm)})": _columns(found.row),
            "dropped": [f"{d['id']}  {_refusal(d)}" for d in found.dropped],
            "came from": list(_origins(found)),
            "repeats": [_hit(hit) for hit in found.contamination],
            "parsed into": [f"{q['id']}  {quoted(q['text'])}  {q['refused'] or 'admitted'}" for q in found.questions],
            f"attempts, by {_asked(found, 'solve')}": list(_attempts(found)),
            "vote": list(_vote(found.verdict)),
            "filters": [_filter(f) for f in found.filters],
            "became": list(_became(found)),
            "answers to it": [_evaluation(e) for e in found.evaluations],
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
    return f'"{escaped(text[:CUT])}"' + (f" ... ({len(text):,} characters)" if len(text) > CUT else "")


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


def _columns(row: Row | None) -> list[str]:
    hidden = ("id", "classes", "prompt_digest")
    return [f"{name:<18}{_worded(value)}" for name, value in (row or {}).items() if name not in hidden]


def _worded(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_figure, value[:SHOWN_OF_A_LIST])) + ", ..." * (len(value) > SHOWN_OF_A_LIST)
    named = isinstance(value, str) and value.isidentifier() and len(value) <= CUT
    return quoted(value) if isinstance(value, str) and not named else _figure(value)


def _origins(found: Explained) -> Iterator[str]:
    if source := found.source:
        yield f"{source['key']}: {quoted(source['path'])}, row {_figure(source['row'])}"
    for shot in found.fewshots:
        yield f"{shot['id']}  {quoted(shot.get('question') or shot.get('text'))}  few-shot"
    if proposal := found.proposal or (found.row if found.table == "proposals" else None):
        yield f"{proposal['id']}  prompt {quoted(proposal['prompt'])} (SHA-256 {proposal['prompt_digest'][:12]})"
        yield f"  asked of {_asked(found, 'propose')}; it wrote {quoted(proposal['text'])}"
    if found.question:
        yield f"{found.question['id']}  {quoted(found.question.get('text') or found.question['question'])}"
    if found.item:
        yield f"{found.item['id']}  {quoted(found.item['question'])}, asked by {_asked(found, 'evaluate')}"


def _hit(hit: Row) -> str:
    return f"{hit['protected_id']} of {hit['set_name']}, {hit['kind']}: {quoted(hit['span'])}"


def _attempts(found: Explained) -> Iterator[str]:
    for a in found.attempts[:1]:
        yield f"prompt {quoted(a['prompt'])} (SHA-256 {a['prompt_digest'][:12]})"
        yield f"{len(found.attempts)} of {a['num_planned']} planned"
    for a in found.attempts:
        yield f"{a['sample']:>3}  {a['id']}  {quoted(a['text'])}"
        vote = f"class {a['answer_class']}, reward {_figure(a['reward'])}" if a["valid"] else a["invalid_reason"]
        read = f"answer {quoted(a['answer'])} ({a['source']}), canonical {quoted(a['canonical'])}, {vote}"
        became = f" -> {', '.join(a['became'])}" if a["became"] else ""
        yield f"     {read if a['answer_id'] else 'not judged'}{became}"


def _vote(verdict: Row | None) -> Iterator[str]:
    if not verdict:
        return
    classes = ", ".join(f"{quoted(c['answer'])}: {c['count']}" for c in verdict["classes"])
    yield f"{classes or 'no valid answer'}; {verdict['num_attempts']} attempts, {verdict['num_valid']} valid"
    label = "tied: no verdict" if verdict["tied"] else f"verdict {quoted(verdict['answer'])}"
    yield f"{verdict['id']}  {label}, agreement {_figure(verdict['agreement'])}"
    if "reference" in verdict:
        yield f"the truth is {quoted(verdict['reference'])}: {_mark(verdict['correct'])}"


def _filter(f: Row) -> str:
    against = f" against {_figure(f['threshold'])}" if f["threshold"] is not None else ""
    figure = f"{_figure(f['figure'])}{against}" if f["figure"] is not None else against.strip()
    return f"{f['stage']:<9} {f['filter']:<24} {figure:<24} {f['outcome']}"


def _became(found: Explained) -> Iterator[str]:
    if found.selection:
        yield f"{found.selection['id']}  selected, labelled {quoted(found.selection['answer'])}"
    for row in found.training_rows:
        by = ", ".join(f"{t['method']} of {t['round']}" for t in row["trained"]) or "no training"
        yield f"{row['id']}  of {', '.join(row['attempts'])}; read by {by}"


def _evaluation(e: Row) -> str:
    how = "greedy" if e["greedy"] else f"sample {e['sample']}"
    return f"{e['id']}  {how} of {e['checkpoint'][:12]}: {quoted(e['answer'])}, {_mark(e['correct'])}"


def _weights(c: Row) -> str:
    gone = ", weights dropped" if c["weights_dropped"] else ""
    decided = f" ({c['decision']}{gone}: {c['reason']})" if c["decision"] else ""
    scores = (f"  {name} {s['accuracy']:.1%} [{s['low']:.1%}, {s['high']:.1%}]" for name, s in c["scores"].items())
    return f"{c['digest'][:12]}  {_named(c)}{decided}{''.join(scores)}"


def _asked(found: Explained, stage: str) -> str:
    """Which checkpoint a stage asked, or which teacher, with which template; and whether that is verified."""
    played = next((s for s in found.stages if s["stage"].split(".")[0] == stage), None)
    if not played:
        return "-"
    template = ", ".join(f"{p['name']} ({p['digest'][:12]})" for p in played["prompts"])
    asked = f"{_named(played['checkpoint'])} ({played['checkpoint']['digest'][:12]})"
    if played["teacher"]:
        asked = f"the teacher {quoted(played['teacher'])}"
    return f"{asked}, template {template}{_by_url(played)}"


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
