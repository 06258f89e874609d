"""Results: which items a run got right, by the files that evaluation tools write.

JSONL with `id` and `correct`, sample logs of lm-evaluation-harness (`samples_<task>_<time>.jsonl`, alone or a folder
of them) and `.eval` logs of inspect, a zip of JSON of which one member is read, by its known name.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import BadInput
from tasks.reading.archives import member

LONGEST_LINE = 2**26
"""Bytes."""
LOG = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl", re.DOTALL)
GRADES = {"C": True, "I": False, "P": False, "N": False}
"""Of inspect: correct, incorrect, partly correct, no answer."""

Read = tuple[str, str, Mapping[str, Any]]
"""Where it stands, the item, and its values by metric; no values at all: undecided."""


@dataclass(frozen=True)
class Results:
    """Item -> whether it was answered right; None for undecided."""

    marks: Mapping[str, bool | None]
    note: str = ""
    """What of the file was left out."""


def read_results(path: Path, metrics: Sequence[str] = ()) -> dict[str, Results]:
    """The results of each task by its name; a file alone is one task without a name.

    `metrics`: keys of the mark, of which the first that a file has is taken; `correct` by default. Of the harness
    with its filter or without (`exact_match,strict-match`), of inspect a scorer. Raises BadInput, naming the place.
    """
    try:
        if path.is_dir():
            return {task: _of_lines(log, metrics) for task, log in _logs(path).items()}
        if path.suffix == ".eval":
            return {"": _of_inspect(path, metrics)}
        if path.suffix == ".jsonl":
            return {"": _of_lines(path, metrics)}
    except BadInput:
        raise
    except Exception as error:  # each format has its own errors; all mean that the file is unusable
        line = str(error).splitlines()[0] if str(error) else error.__class__.__name__
        raise BadInput(f"{path} cannot be read: {line[:200]}") from error
    raise BadInput(f"{path}: expected .jsonl, .eval or a folder of samples_*.jsonl")


def _logs(folder: Path) -> dict[str, Path]:
    """The newest log of each task."""
    found = sorted((named[2], named[1], log) for log in folder.iterdir() if (named := LOG.fullmatch(log.name)))
    if not found:
        raise BadInput(
            f"{folder}: no samples_<task>_<time>.jsonl in it; name the folder of one model, run by --log_samples"
        )
    return {task: log for _, task, log in found}


def _of_lines(path: Path, metrics: Sequence[str]) -> Results:
    return Results(_marks(path, _lines(path, metrics), metrics))


def _lines(path: Path, metrics: Sequence[str]) -> Iterator[Read]:
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadInput(f"{path}: line {number}: longer than {LONGEST_LINE:,} bytes; keep id and mark alone")
            if line.strip():
                yield _row(f"{path}: line {number}", line, metrics)


def _row(where: str, line: bytes, metrics: Sequence[str]) -> Read:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON: {str(error).splitlines()[0][:100]}") from error
    if not isinstance(row, dict):
        raise BadInput(f"{where}: {_shown(row)}: expected an object with id and correct")
    if "doc_id" in row:
        names = row.get("metrics")
        if not isinstance(names, list):  # the harness named them from 0.4.3 on
            names = [name for name, value in row.items() if name != "doc_id" and isinstance(value, int | float)]
        by = f",{row['filter']}" if isinstance(row.get("filter"), str) else ""
        item = _item(where, "doc_id", row["doc_id"])
        # another document under this number is another item
        item += f" {row['doc_hash']}" if isinstance(row.get("doc_hash"), str) else ""
        return where, item, {f"{name}{by}": row.get(name) for name in names if isinstance(name, str)}
    if "id" not in row:
        raise BadInput(f"{where}: no id; it has {_listed(row)}")
    key = next((key for key in metrics or ["correct"] if key in row), None)
    if key is None:
        wanted = " or ".join(map(_shown, metrics or ["correct"]))
        raise BadInput(f"{where}: no {wanted}; it has {_listed(row)}: name the key of the mark by --metric")
    return where, _item(where, "id", row["id"]), {key: row[key]}


def _of_inspect(path: Path, metrics: Sequence[str]) -> Results:
    """Of several epochs the first: a mean of marks is no mark."""
    samples = json.loads(member(path, "summaries.json"))
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise BadInput(f"{path}: summaries.json: expected a list of samples")
    epochs = {epoch if isinstance(epoch := sample.get("epoch", 1), int) else 1 for sample in samples}
    first = [sample for sample in samples if sample.get("epoch", 1) == min(epochs)]
    note = f"{len(epochs)} epochs: only epoch {min(epochs)} is compared" if len(epochs) > 1 else ""
    return Results(_marks(path, (_sample(path, n, sample) for n, sample in enumerate(first, 1)), metrics), note)


def _sample(path: Path, number: int, sample: Mapping[str, Any]) -> Read:
    where, scores = f"{path}: sample {number}", sample.get("scores")
    found = scores.items() if isinstance(scores, dict) else ()  # a sample that ended in an error has none
    values = {name: score.get("value") if isinstance(score, dict) else score for name, score in found}
    graded = {name: GRADES.get(value, value) if isinstance(value, str) else value for name, value in values.items()}
    return where, _item(where, "id", sample.get("id")), graded


def _marks(path: Path, rows: Iterable[Read], metrics: Sequence[str]) -> dict[str, bool | None]:
    every = list(rows)
    names = list(dict.fromkeys(name for _, _, values in every for name in values))
    if not every or not names:
        raise BadInput(f"{path}: no row with a mark in it; expected id and correct, or a log with samples")
    wanted = next(filter(None, ([n for n in names if n == m or n.startswith(f"{m},")] for m in metrics)), [])
    if not metrics:
        wanted = names
    if len(wanted) != 1:
        fault = "several metrics" if wanted else f"no metric {' or '.join(map(_shown, metrics))}"
        raise BadInput(f"{path}: {fault}; name one by --metric: {_listed(wanted or names)}")
    marks: dict[str, bool | None] = {}
    for where, item, values in every:
        if values and wanted[0] not in values:
            continue  # another filter's
        if item in marks:
            raise BadInput(f"{where}: id = {_shown(item)} stands there twice; expected one row an item")
        marks[item] = _mark(where, wanted[0], values.get(wanted[0]))
    return marks


def _mark(where: str, name: str, value: Any) -> bool | None:
    if value is None:
        return None
    if not isinstance(value, bool | int | float) or value not in (0, 1):
        raise BadInput(
            f"{where}: {_shown(name)} = {_shown(value)}: expected true, false, 1, 0 or null: only marks are compared"
        )
    return bool(value)


def _item(where: str, key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadInput(f"{where}: {key} = {_shown(value)}: expected text or a whole number")
    return str(value)


def _shown(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:80].encode("unicode_escape").decode()


def _listed(names: Iterable[str]) -> str:
    some = [_shown(name) for name, _ in zip(names, range(11), strict=False)]
    return ", ".join(some[:10]) + (", ..." if len(some) > 10 else "")
