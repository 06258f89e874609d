"""docs/cli.md: every command with its arguments and options, as `selfplay COMMAND --help` has them.

python scripts/cli_docs.py
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/cli.md"
sys.path.insert(0, str(ROOT))

from flows.cli import app  # noqa: E402

HEAD = """# Commands

Written by `python scripts/cli_docs.py`: do not edit. `selfplay COMMAND --help` says the same.

A round is `quickstart/3`, or `3` where the store has one recipe. A checkpoint may also be `quickstart/champion` or
`quickstart/base`. A store is a folder, or `s3://bucket/path`; `SELFPLAY_STORE` sets it for all commands. `--json`
prints JSON on standard output and everything else on standard error.

| exit code | meaning |
|---|---|
| 0 | done; a held round is done, too |
| 1 | validation failed, or something published is damaged |
| 2 | bad input; nothing was written |
| 3 | another run holds the lineage |
| 4 | stopped from outside (engine, disk, network): the same command goes on |
| 130, 143 | stopped by a signal: the same command goes on |
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def page() -> str:
    import typer

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return HEAD + "".join(section(name, command) for name, command in commands.items())


def section(name: str, command: Any) -> str:
    shown = [(_written(each), each) for each in command.params if each.name != "help"]
    optional = [text if each.required or text.startswith("[") else f"[{text}]" for text, each in shown]
    lines = [
        f"\n## {name}\n",
        " ".join(command.help.split()),
        "",
        "```",
        " ".join(["selfplay", name, *optional]),
        "```",
    ]
    if shown:
        lines += ["", "| | |", "|---|---|", *(f"| `{text}` | {_help(each)} |" for text, each in shown)]
    return "\n".join(lines) + "\n"


def _written(parameter: Any) -> str:
    """As it is typed."""
    name = str(parameter.name).upper()
    if parameter.param_type_name == "argument":
        return name if parameter.required else f"[{name}]"
    flag = max(parameter.opts, key=len)
    value = parameter.metavar or flag.removeprefix("--").replace("-", "_").upper()
    return flag if parameter.is_flag else f"{flag} {value}"


def _help(parameter: Any) -> str:
    told = " ".join((parameter.help or "").split()).replace("|", "\\|")
    default = parameter.default
    shown = default not in (None, "", False, ...) and not callable(default) and not parameter.required
    return f"{told} Default: `{default}`." if shown else told


if __name__ == "__main__":
    main()
