"""What `why` must say of the filters that met a question of played sums, worked out anew from its own text and votes.

Nothing of the project is imported (a test looks).
"""

import re

from .reread import folded


def check_filters(story, question_id, row, played):
    """Every filter in its order, with the figure that the question's own text and votes give."""
    dropped = {d["stage"]: d for d in played.dropped[question_id]}
    text = row["question"] if row else dropped["propose"]["text"]
    proposed, selected = played.recipe["propose"], played.recipe["select"]
    words, rules = len(text.split()), {"min_words": 1} | proposed["filters"]  # its default
    tries = [
        ("truncated", None, None),
        ("surplus", row and row["position"] + 1, proposed["target"]),
        ("empty", words, 1), ("answered", 0, 0), ("too_short", words, rules["min_words"]),
        ("too_long", words, rules["max_words"]),
        ("punctuation", 0, 0), ("nonascii", 0, 0), ("pattern", 0, 0),
        ("not_new", row and row["nearest_score"], None),
    ]  # fmt: skip
    expected = tried("propose", tries, dropped.get("propose"))
    refused = dropped.get("propose", {}).get("reason")
    if refused not in ("truncated", "surplus"):  # what the recipe's rules say of its text
        obeys = rules["min_words"] <= words <= rules["max_words"] and bool(re.fullmatch(rules["pattern"], text))
        assert obeys == (refused in (None, "not_new"))
    if row:
        (verdict,) = (e["row"] for e in story["tables"]["verdicts"] if e["row"]["question_id"] == question_id)
        agreement = verdict["agreement"]
        tries = [
            ("contaminated_exact", None, None), ("tie", agreement, None),
            ("no_valid_answer", verdict["num_valid"], 1),
            ("below_band", agreement, selected["min_agreement"]),
            ("above_band", agreement, selected["max_agreement"]), ("contradicts", None, None),
        ]  # fmt: skip
        expected += tried("select", tries, dropped.get("select"))
        assert dropped.get("select", {}).get("reason") == refusal(row["question"], verdict, selected, played)
        expected += built(story, question_id, played) if "select" not in dropped else []
        expected.append(("validate", "row expectations", None, None, "passed"))
        assert not any(d["stage"] == "validate" for d in played.tables["dropped"])
    columns = ("stage", "filter", "figure", "threshold", "outcome")
    assert [tuple(f[name] for name in columns) for f in story["filters"]] == expected


def tried(stage, tries, refusal):
    names = [name for name, _, _ in tries]
    last = names.index(refusal["reason"]) if refusal else len(names)
    found = [(stage, *one, "passed") for one in tries[:last]]
    if refusal:
        found.append((stage, refusal["reason"], refusal["figure"], refusal["threshold"], "dropped"))
    return found + [(stage, name, None, limit, "not tried") for name, _, limit in tries[last + 1 :]]


def refusal(text, verdict, limits, played):
    """Why the selection refuses a question; None if it does not."""
    tables = ("inputs/probe", "inputs/benchmark_items")
    protected = {folded(r["question"]) for table in tables for r in played.tables[table]}
    if folded(text) in protected:
        return "contaminated_exact"
    if verdict["answer"] is None:
        return "tie" if verdict["tied"] else "no_valid_answer"
    if verdict["agreement"] < limits["min_agreement"]:
        return "below_band"
    return "above_band" if verdict["agreement"] > limits["max_agreement"] else None


def built(story, question_id, played):
    text = {e["row"]["id"]: e["row"]["text"] for e in story["tables"]["attempts"]}
    voted = [e["row"]["attempt_id"] for e in story["tables"]["answers"] if e["row"]["valid"]]
    given = {e["row"]["row_id"]: e["row"]["reward"] for e in story["tables"]["rewards"]}
    agreeing, others = ({text[name] for name in voted if given[name] == r} for r in (1, 0))
    caps = {"solutions_per_question": len(agreeing), "pairs_per_question": len(agreeing) * len(others)}
    limits = played.recipe["build"]
    reason = "" if others and agreeing else "unanimous" if agreeing else "none_right"
    if set(played.recipe["train"]["methods"]) == {"sft"}:  # nobody reads pairs
        reason = ""
    assert [d["reason"] for d in story["dropped"] if d["stage"] == "build"] == ([reason] if reason else [])
    return [
        ("build", cap, count, limits[cap], "capped" if count > limits[cap] else "passed")
        for cap, count in caps.items()
    ] + ([("build", reason, None, None, "dropped")] if reason else [])
