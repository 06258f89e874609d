"""Collect: the rows a user brings, as they are when the round begins; seeds that touch a benchmark stay out."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.dropped import DROPPED
from schemas.errors import BadInput
from schemas.inputs import BENCHMARK_ITEMS, PROBE, SEEDS
from schemas.recipe import AnsweredRows, Benchmark, Recipe, Rows
from schemas.selections import CONTAMINATION
from tasks.checks.answers import final_answer
from tasks.checks.contamination import ProtectedTexts
from tasks.store.draft import Draft
from tasks.store.objects import digest_of, file_digest


@dataclass(frozen=True)
class Source:
    """A file of the recipe and what was found in it. Its digest is that of the file's bytes and of what was asked."""

    key: str
    """The recipe's key, such as data.probe."""
    path: Path
    rows: tuple[dict[str, Any], ...]
    """question, reference (if asked for), source_row."""
    unusable: dict[str, int]
    digest: str


@dataclass(frozen=True)
class Sources:
    """All files of a recipe."""

    seeds: Source
    probe: Source
    benchmarks: tuple[tuple[Benchmark, Source], ...]

    @property
    def named(self) -> tuple[Source, ...]:
        return (self.seeds, self.probe, *(source for _, source in self.benchmarks))

    @property
    def digest(self) -> str:
        return digest_of({source.key: source.digest for source in self.named})


def read_sources(recipe: Recipe, folder: Path) -> Sources:
    """Read every file that the recipe names, relative to its folder. Rows already in the probe leave the benchmarks.

    Raises BadInput, before anything is written, for a file that cannot be used.
    """
    probe = _source("data.probe", recipe.data.probe, folder, leave=frozenset())
    asked = frozenset(row["question"] for row in probe.rows)
    return Sources(
        seeds=_source("data.seeds", recipe.data.seeds, folder, leave=frozenset()),
        probe=probe,
        benchmarks=tuple((b, _source(f"benchmarks.{b.name}", b, folder, leave=asked)) for b in recipe.benchmarks),
    )


def collect(draft: Draft, *, sources: Sources, ngram: int | None, near: float | None) -> dict[str, Any]:
    """Write the rows, and drop the seeds that touch a benchmark or the probe: they would teach it."""
    probe = [_with_id(draft, PROBE, row) for row in sources.probe.rows]
    items = [
        _with_id(draft, BENCHMARK_ITEMS, row | {"benchmark": benchmark.name, "sealed": benchmark.sealed})
        for benchmark, source in sources.benchmarks
        for row in source.rows
    ]
    protected = ProtectedTexts(
        [("probe", row["id"], row["question"]) for row in probe]
        + [(row["benchmark"], row["id"], row["question"]) for row in items],
        ngram=ngram,
        near=near,
    )
    seeds, hits, dropped = [], [], []
    for done, row in enumerate(_with_id(draft, SEEDS, row) for row in sources.seeds.rows):
        draft.report(done, len(sources.seeds.rows), "seeds")
        if hit := protected.find(row["question"]):
            hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
            limit = near if hit.kind == "near" else None
            dropped.append(draft.refused(row["id"], SEEDS, hit.reason, hit.score, limit, row["question"]))
        else:
            seeds.append(row)
    draft.write(SEEDS, seeds)
    draft.write(PROBE, probe)
    draft.write(BENCHMARK_ITEMS, items)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {"unusable": {source.key: source.unusable for source in sources.named}}


def _with_id(draft: Draft, table: Any, row: dict[str, Any]) -> dict[str, Any]:
    return {"id": draft.row_id(table, row.get("benchmark", ""), row["source_row"])} | row


def _source(key: str, asked: Rows, folder: Path, leave: frozenset[str]) -> Source:
    path = folder / asked.path
    if not path.exists():
        raise BadInput(
            f"{key}.path = '{asked.path}': no such file ({path}); expected JSONL, CSV, Parquet or a folder"
        )
    unusable: Counter[str] = Counter()
    usable: dict[str, dict[str, Any]] = {}
    columns: set[str] = set()
    for number, raw in enumerate(_raw_rows(key, path)):
        if raw is None:
            unusable["not a JSON object"] += 1
            continue
        columns |= raw.keys()
        row, reason = _usable(raw, asked)
        if row and row["question"] in leave:
            reason = "already in the probe"
        elif row and row["question"] in usable:
            reason = "repeated"
        if row and not reason:
            usable[row["question"]] = row | {"source_row": number}
        else:
            unusable[reason] += 1
    for column in [asked.question] + ([asked.answer] if isinstance(asked, AnsweredRows) else []):
        if column not in columns:
            raise BadInput(f"{key}: {path} has no column '{column}'; it has {', '.join(sorted(columns)) or 'none'}")
    if not usable:
        raise BadInput(f"{key}: {path} has no usable row ({_counted(unusable)}); expected text in '{asked.question}'")
    rows = list(usable.values())
    if asked.sample is not None and asked.sample < len(rows):
        rows = sorted(rows, key=lambda row: hashlib.sha256(row["question"].encode()).hexdigest())[: asked.sample]
    digest = digest_of({"file": _path_digest(path), "asked": asked.model_dump_json(exclude={"path"})})
    return Source(key, path, tuple(rows), dict(sorted(unusable.items())), digest)


def _usable(raw: dict[str, Any], asked: Rows) -> tuple[dict[str, Any] | None, str]:
    question = raw.get(asked.question)
    if not isinstance(question, str) or not question.strip():
        return None, "no question"
    if not _storable(question) or not _storable(str(raw.get(getattr(asked, "answer", ""), ""))):
        return None, "not Unicode"
    row = {"question": question.strip()}
    if isinstance(asked, AnsweredRows):
        answer = raw.get(asked.answer)
        if answer is None or isinstance(answer, bool | list | dict) or str(answer).strip() in ("", "nan"):
            return None, "no answer"
        text = str(answer).strip()
        row["reference"] = (final_answer(text).text or text) if "\\boxed" in text else text
    return row, ""


def _raw_rows(key: str, path: Path) -> Iterator[dict[str, Any] | None]:
    """Rows of a file as they stand; None for a line that is no JSON object."""
    try:
        if (path / "dataset_dict.json").exists():
            splits = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir()))
            raise BadInput(
                f"{key}.path = '{path.name}': holds the splits {splits}; name one, as '{path.name}/<split>'"
            )
        if path.is_dir():
            from datasets import load_from_disk

            yield from load_from_disk(str(path))
        elif path.suffix == ".parquet":
            import pyarrow.parquet as pq

            yield from pq.read_table(path, partitioning=None).to_pylist()
        elif path.suffix == ".csv":
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


def _storable(text: str) -> bool:
    """Whether a text has no lone surrogates: JSON can name them, Unicode has no bytes for them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _path_digest(path: Path) -> str:
    if path.is_file():
        return file_digest(path)
    return digest_of({p.relative_to(path).as_posix(): file_digest(p) for p in path.rglob("*") if p.is_file()})


def _counted(unusable: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(unusable.items())) or "it is empty"
