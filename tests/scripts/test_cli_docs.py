"""docs/cli.md says of every command what its --help says."""

from .loading import ROOT, load


def test_the_page_is_what_the_commands_say():
    assert load("cli_docs").page() == (ROOT / "docs/cli.md").read_text(), "run: python scripts/cli_docs.py"
