"""How many training rows a question may become."""

from collections.abc import Iterator, Sequence

from schemas.settings import Build as Settings
from tasks.pairing import distinct
from tasks.rules import Row, Rows, Rule


def caps(attempts: Sequence[Row], settings: Settings) -> Iterator[Rule]:
    """Of valid attempts with their rewards: how many distinct solutions and pairs there are, and how many of them may
    become rows."""
    agreeing, others = (len(distinct([row for row in attempts if row["reward"] == r])) for r in (1.0, 0.0))
    possible = {"solutions_per_question": agreeing}
    if settings.pairs == "correct_incorrect":
        possible["pairs_per_question"] = agreeing * others
    for name, figure in possible.items():
        cap = getattr(settings, name)
        yield Rule(name, figure, cap, "passed" if figure <= cap else "capped")


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    text = {row["id"]: row["text"] for row in rows.get("attempts", ()) if row.get("finish_reason") != "length"}
    invalid = {row["attempt_id"] for row in rows.get("answers", ()) if not row["valid"]}
    given = [row for row in rows.get("rewards", ()) if row["row_id"] in text and row["row_id"] not in invalid]
    judged = [row | {"text": text[row["row_id"]]} for row in given]
    if rows.get("selections") or not rows.get("verdicts"):  # nobody voted: all are built from
        yield from caps(judged, Settings.model_validate(settings["settings"]))
