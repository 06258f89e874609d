"""What a posed question must be in its judge's eyes: good enough to be asked."""

from collections.abc import Iterator

from tasks.rules import Row, Rows, Rule, outcome


def quality_rules(quality: float | None, least: float) -> Iterator[Rule]:
    yield Rule("no_score", outcome=outcome(quality is None))
    yield Rule("low_quality", quality, least, outcome(quality is not None and quality < least))


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    least = settings["settings"].get("least")
    if rows.get("questions") and least is not None:
        yield from (Rule("no_score"), Rule("low_quality", None, least))
