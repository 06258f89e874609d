"""What changed between two rounds in what they were made with: recipe, prompts, code, libraries, machine."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff import Change, PromptChange
from schemas.errors import Damaged
from schemas.manifest import Manifest, StageRecord
from tasks.store.lineage import Lineage

Round = tuple[Lineage, Manifest]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The names whose values differ, sorted; null stands for a name that a side lacks."""
    names = sorted(before.keys() | after.keys())
    return [
        Change(name=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def recipe_values(lineage: Lineage, m: Manifest) -> dict[str, Any] | None:
    """Dotted key -> value of the recipe as it was played; None if it is not there as it was."""
    try:
        text = lineage.document(m.round, "recipe.toml")
        return None if text is None else dict(_flat("", tomllib.loads(text.decode())))
    except (Damaged, ValueError):  # edited, cut off, or other bytes than text
        return None


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        for index, entry in enumerate(value):
            yield from _flat(f"{name}[{entry.get('name', index)}]", entry)
    else:
        yield name, value if isinstance(value, int | float | list) else str(value)


def made_with(m: Manifest) -> dict[str, str]:
    """The commit, and library -> version."""
    return {"commit": m.git, **m.versions}


def stage_records(lineage: Lineage, m: Manifest) -> dict[str, StageRecord | None]:
    """Stage as played -> its marker; None if that cannot be read."""
    return {shown: lineage.stage_record(m.round, shown.split(".")[0], key) for shown, key in m.stages.items()}


def prompt_changes(
    before: Mapping[str, StageRecord | None], after: Mapping[str, StageRecord | None]
) -> list[PromptChange]:
    """Each template whose text differs, as a unified diff."""
    was, now = _prompts(before), _prompts(after)
    return [
        PromptChange(name=name, lines=list(_lines(was.get(name, ""), now.get(name, ""))))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _prompts(records: Mapping[str, StageRecord | None]) -> dict[str, str]:
    return {name: text for record in records.values() if record for name, text in record.prompts.items()}


def _lines(before: str, after: str) -> Iterator[str]:
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=2)
    return (line for number, line in enumerate(found) if number > 1)  # without the two names


def code_of_stages(records: Mapping[str, StageRecord | None]) -> dict[str, str]:
    """Stage -> digest of its code."""
    return {record.stage: record.code for record in records.values() if record}
