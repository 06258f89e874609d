"""What a question had to pass, in the order it was tried: each filter with its figure and its threshold."""

from itertools import takewhile
from typing import Any

from tasks.novelty.words import num_words

Row = dict[str, Any]
Filter = tuple[str, float | None, float | None]  # named as the reason that it drops for


def filters_of(
    stages: list[Row], question: Row | None, verdict: Row | None, attempts: list[Row], dropped: list[Row]
) -> list[Row]:
    """Rows of stage, filter, figure, threshold, and outcome: passed, dropped, not tried; of a cap, also capped.

    `question`: None if it was refused. `dropped`: of the question and of what was made of it as a whole. What a
    stage did not have to measure has no figure.
    """
    settings = {stage["stage"].split(".")[0]: stage["settings"].get("settings", {}) for stage in stages}
    refusal = {row["stage"]: row for row in reversed(dropped)}
    text = question["text"] if question else next((row["text"] for row in dropped if row["text"]), "")
    tried = _tried("propose", _of_propose(settings["propose"], text, question), refusal.get("propose"))
    if question and verdict:
        tried += _tried("select", _of_select(settings["select"], verdict), refusal.get("select"))
        if "select" not in refusal and "build" in settings:
            tried += _of_build(settings["build"], attempts)
            if without := refusal.get("build"):
                tried.append(_entry("build", (without["reason"], None, None), "dropped"))
    if question and "validate" in settings:
        reasons = dict.fromkeys(row["reason"] for row in dropped if row["stage"] == "validate")
        tried += [_entry("validate", (reason, None, None), "dropped") for reason in reasons] or [
            _entry("validate", ("row expectations", None, None), "passed")
        ]
    return tried


def _tried(stage: str, filters: list[Filter], refusal: Row | None) -> list[Row]:
    """Filters up to the one that refused passed; those after it were not tried."""
    if refusal is None:
        return [_entry(stage, tried, "passed") for tried in filters]
    passed = list(takewhile(lambda tried: tried[0] != refusal["reason"], filters))
    last = (refusal["reason"], refusal["figure"], refusal["threshold"])
    left = [(name, None, threshold) for name, _, threshold in filters[len(passed) + 1 :]]
    return [
        *(_entry(stage, tried, "passed") for tried in passed),
        _entry(stage, last, "dropped"),
        *(_entry(stage, tried, "not tried") for tried in left),
    ]


def _entry(stage: str, tried: Filter, outcome: str) -> Row:
    name, figure, threshold = tried
    return {"stage": stage, "filter": name, "figure": figure, "threshold": threshold, "outcome": outcome}


def _of_propose(settings: Row, text: str, question: Row | None) -> list[Filter]:
    rules, words = settings["filters"], num_words(text)
    switches = {
        "keyword": "keywords",
        "program": "forbid_programs",
        "punctuation": "forbid_leading_punctuation",
        "nonascii": "forbid_leading_nonascii",
        "pattern": "pattern",
    }
    return [
        ("truncated", None, None),
        ("surplus", question["position"] + 1 if question else None, settings["target"]),
        ("empty", words, 1),
        ("answered", 0, 0),
        ("too_short", words, rules["min_words"]),
        ("too_long", words, rules["max_words"]),
        *((reason, 0, 0) for reason, switch in switches.items() if rules[switch]),
        ("not_new", question["nearest_score"] if question else None, settings["novelty"]["threshold"]),
    ]


def _of_select(settings: Row, verdict: Row) -> list[Filter]:
    """Contamination first: it is looked for in every question, and overrules what the vote says."""
    agreement = verdict["agreement"]
    kinds = {kind: settings[kind] for kind in ("ngram", "near") if settings[kind] is not None}
    caps = {"answer_over_cap": settings["max_per_answer"], "over_cap": settings["max_questions"]}
    return [
        ("contaminated_exact", None, None),
        *((f"contaminated_{kind}", None, threshold) for kind, threshold in kinds.items()),
        ("tie", agreement, None),
        ("no_valid_answer", verdict["num_valid"], 1),
        ("below_band", agreement, settings["min_agreement"]),
        ("above_band", agreement, settings["max_agreement"]),
        *((reason, None, cap) for reason, cap in caps.items() if cap is not None),
    ]


def _of_build(settings: Row, attempts: list[Row]) -> list[Row]:
    """How many distinct solutions and pairs there were, and how many may become rows."""
    agreeing, others = (len({a["text"] for a in attempts if a["valid"] and a["reward"] == r}) for r in (1.0, 0.0))
    possible = {"solutions_per_question": agreeing}
    if settings.get("pairs", "correct_incorrect") == "correct_incorrect":
        possible["pairs_per_question"] = agreeing * others
    return [
        _entry("build", (cap, figure, settings[cap]), "passed" if figure <= settings[cap] else "capped")
        for cap, figure in possible.items()
    ]
