"""Files: the rows of a user's file as they stand, whatever its format."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import BadInput

Row = dict[str, Any]

LONGEST_FIELD = 2**31 - 1
"""Characters of a CSV field; Python's own bound, 131,072, is less than some solutions have."""


def raw_rows(key: str, path: Path) -> Iterator[Row | None]:
    """Rows of a file, class labels by their names; None for what is no JSON object. Raises BadInput."""
    try:
        if (path / "dataset_dict.json").exists():
            splits = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir()))
            raise BadInput(
                f"{key}.path = '{path.name}': holds the splits {splits}; name one, as '{path.name}/<split>'"
            )
        if path.is_dir():
            from datasets import load_from_disk

            data = load_from_disk(str(path))
            yield from _labelled(data, data.features.to_dict())
        elif path.suffix == ".parquet":
            import pyarrow.parquet as pq

            table = pq.read_table(path, partitioning=None)
            yield from _labelled(table.to_pylist(), _features(table.schema.metadata or {}))
        elif path.suffix == ".csv":
            csv.field_size_limit(LONGEST_FIELD)
            with open(path, newline="", encoding="utf-8-sig") as file:
                yield from csv.DictReader(file, restkey="(columns without a name)")
        elif path.suffix == ".jsonl":
            with open(path, encoding="utf-8-sig") as file:
                yield from (_json_object(line) for line in file if line.strip())
        else:
            raise BadInput(f"{key}.path = '{path.name}': expected .jsonl, .csv, .parquet or a `datasets` folder")
    except BadInput:
        raise
    except Exception as error:  # each format has its own errors; all mean that the file is unusable
        line = str(error).splitlines()[0] if str(error) else error.__class__.__name__
        raise BadInput(f"{key}: {path} cannot be read: {line[:200]}") from error


def _features(metadata: Mapping[bytes, bytes]) -> Row:
    """What `datasets` left in a Parquet file of its columns' meaning."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _labelled(rows: Any, features: Row) -> Iterator[Row]:
    """Rows whose class labels are names, in lists too; -1 is no label."""
    names = {column: found for column, feature in features.items() if (found := _names(feature))}
    for row in rows:
        yield row | {column: _named(row.get(column), names[column]) for column in names}


def _names(feature: Any) -> list[str]:
    if not isinstance(feature, dict):
        return []
    if isinstance(feature.get("feature"), dict):
        return _names(feature["feature"])
    names = feature.get("names") if feature.get("_type") == "ClassLabel" else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(entry, names) for entry in value]
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def _json_object(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
