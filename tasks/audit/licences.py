"""Licences: what the data and the model that a user brings say of themselves, in the Hub's way."""

import re
from pathlib import Path


def stated_licence(path: Path) -> str | None:
    """The `license` in the YAML head of the README.md in a folder, or beside a file; None if none is stated."""
    import yaml  # type: ignore[import-untyped]

    home = path if path.is_dir() else path.parent
    try:
        text = (home / "README.md").read_text(encoding="utf-8")
        head = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
        found = yaml.safe_load(head[1]) if head else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(found, dict):
        return None
    stated = found.get("license")
    if stated == "other":
        stated = found.get("license_name", stated)
    names = stated if isinstance(stated, list) else [stated]
    return ", ".join(name for name in names if isinstance(name, str)) or None
