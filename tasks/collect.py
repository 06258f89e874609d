"""Collect: the rows a user brings, as they are when the round begins; what touches a benchmark stays out."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.dropped import DROPPED
from schemas.errors import BadInput, ValidationFailed
from schemas.inputs import BENCHMARK_ITEMS, GOLD, PROBE, SEEDS
from schemas.manifest import CheckpointRef
from schemas.recipe import AnsweredRows, Benchmark, Recipe, Rows, SolvedRows
from schemas.selections import CONTAMINATION
from tasks.checks.contamination import ProtectedTexts
from tasks.checks.reading import final_answer
from tasks.prompts import Prompt
from tasks.store.draft import Draft
from tasks.store.objects import digest_of, file_digest

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A file of the recipe and what was found in it. Its digest is that of the file's bytes and of what was asked."""

    key: str
    """The recipe's key, such as data.probe."""
    path: Path
    rows: tuple[dict[str, Any], ...]
    """question, reference or completion (if asked for), source_row."""
    unusable: dict[str, int]
    digest: str


@dataclass(frozen=True)
class Sources:
    """All files of a recipe."""

    seeds: Source
    probe: Source
    benchmarks: tuple[tuple[Benchmark, Source], ...]
    gold: Source | None = None

    @property
    def named(self) -> tuple[Source, ...]:
        gold = (self.gold,) if self.gold else ()
        return (self.seeds, self.probe, *(source for _, source in self.benchmarks), *gold)

    @property
    def digest(self) -> str:
        return digest_of({source.key: source.digest for source in self.named})


def read_sources(recipe: Recipe, folder: Path) -> Sources:
    """Read every file that the recipe names, relative to its folder. Rows already in the probe leave the benchmarks,
    and those in one that is not sealed leave the sealed ones, which could confirm nothing by them.

    Raises BadInput, before anything is written, for a file that cannot be used.
    """
    probe = read_source("data.probe", recipe.data.probe, folder)
    probed = {row["question"]: "already in the probe" for row in probe.rows}
    benchmarks = {
        b.name: read_source(f"benchmarks.{b.name}", b, folder, probed) for b in recipe.benchmarks if not b.sealed
    }
    shown = {row["question"]: "already in a benchmark" for source in benchmarks.values() for row in source.rows}
    benchmarks |= {
        b.name: read_source(f"benchmarks.{b.name}", b, folder, shown | probed) for b in recipe.benchmarks if b.sealed
    }
    return Sources(
        seeds=read_source("data.seeds", recipe.data.seeds, folder),
        probe=probe,
        benchmarks=tuple((b, benchmarks[b.name]) for b in recipe.benchmarks),
        gold=read_source("data.gold", recipe.data.gold, folder) if recipe.data.gold else None,
    )


def collect(
    draft: Draft,
    *,
    sources: Sources,
    ngram: int | None,
    near: float | None,
    prompt: Prompt | None = None,
    base: CheckpointRef | None = None,
) -> dict[str, Any]:
    """Write the rows, and drop the seeds and gold rows that touch a benchmark or the probe: they would teach it.

    Gold rows need the solver's `prompt` and, for a chat, the template of `base`. Raises ValidationFailed if that
    leaves no seed, or no gold row.
    """
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
    brought = [(SEEDS, row) for row in sources.seeds.rows]
    if sources.gold:
        assert prompt and base
        brought += [(GOLD, row) for row in _asked(draft, sources.gold.rows, prompt, base)]
    kept: dict[str, list[Row]] = {SEEDS.name: [], GOLD.name: []}
    hits, dropped = [], []
    for done, (table, row) in enumerate((table, _with_id(draft, table, row)) for table, row in brought):
        draft.report(done, len(brought), "rows")
        if hit := protected.find(row["question"]):
            hits.append(hit.row(draft.row_id(CONTAMINATION, row["id"]), row["id"]))
            limit = near if hit.kind == "near" else None
            dropped.append(draft.refused(row["id"], table, hit.reason, hit.score, limit, row["question"]))
        else:
            kept[table.name].append(row)
    for key, source, table in (("data.seeds", sources.seeds, SEEDS), ("data.gold", sources.gold, GOLD)):
        if source and not kept[table.name]:
            raise ValidationFailed(f"{key}: each of the {len(source.rows):,} rows touches a benchmark or the probe")
    draft.write(SEEDS, kept[SEEDS.name])
    if sources.gold:
        draft.write(GOLD, kept[GOLD.name])
    draft.write(PROBE, probe)
    draft.write(BENCHMARK_ITEMS, items)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped)
    return {"unusable": {source.key: source.unusable for source in sources.named}}


def _asked(draft: Draft, gold: tuple[Row, ...], prompt: Prompt, base: CheckpointRef) -> list[Row]:
    """Gold rows with what the solver is asked, as an engine would write it."""
    prompts = [prompt.render(question=row["question"]) for row in gold]
    if any(not isinstance(rendering, str) for rendering in prompts):
        from transformers import AutoTokenizer

        from tasks.engines.transformers import rendered

        tokenizer = AutoTokenizer.from_pretrained(draft.checkpoint(base), local_files_only=True)
        prompts = [rendered(tokenizer, rendering) for rendering in prompts]
    return [row | {"prompt": text} for row, text in zip(gold, prompts, strict=True)]


def _with_id(draft: Draft, table: Any, row: Row) -> Row:
    return {"id": draft.row_id(table, row.get("benchmark", ""), row["source_row"])} | row


def read_source(key: str, asked: Rows, folder: Path, leave: Mapping[str, str] = MappingProxyType({})) -> Source:
    """The usable rows of one file, relative to a folder, but for questions to leave out, each with its reason.
    Raises BadInput."""
    path = folder / asked.path
    if not path.exists():
        raise BadInput(
            f"{key}.path = '{asked.path}': no such file ({path}); expected JSONL, CSV, Parquet or a folder"
        )
    unusable: Counter[str] = Counter()
    usable: dict[str, dict[str, Any]] = {}
    columns: set[str] = set()
    for number, raw, row, reason in rows_of(key, asked, path):
        columns |= raw.keys() if raw else set()
        if row and row["question"] in leave:
            reason = leave[row["question"]]
        elif row and row["question"] in usable:
            reason = "repeated"
        if row and not reason:
            usable[row["question"]] = row | {"source_row": number}
        else:
            unusable[reason] += 1
    for column in (asked.question, *_beside_the_question(asked)):
        if columns and column not in columns:
            raise BadInput(f"{key}: {path} has no column '{column}'; it has {', '.join(sorted(columns))}")
    if not usable:
        raise BadInput(f"{key}: {path} has no usable row ({_counted(unusable)}); expected text in '{asked.question}'")
    rows = list(usable.values())
    if asked.sample is not None and asked.sample < len(rows):
        rows = sorted(rows, key=lambda row: hashlib.sha256(row["question"].encode()).hexdigest())[: asked.sample]
    digest = digest_of({"file": _path_digest(path), "asked": asked.model_dump_json(exclude={"path"})})
    return Source(key, path, tuple(rows), dict(sorted(unusable.items())), digest)


def rows_of(
    key: str, asked: Rows, path: Path
) -> Iterator[tuple[int, dict[str, Any] | None, dict[str, Any] | None, str]]:
    """Each row of a file: its number, as it stands (None: no object), as it is used, or why it is not."""
    for number, raw in enumerate(_raw_rows(key, path)):
        yield (number, None, None, "not a JSON object") if raw is None else (number, raw, *_usable(raw, asked))


def _usable(raw: dict[str, Any], asked: Rows) -> tuple[dict[str, Any] | None, str]:
    question = raw.get(asked.question)
    if not isinstance(question, str) or not question.strip():
        return None, "no question"
    if not _storable(question) or not all(_storable(str(raw.get(name))) for name in _beside_the_question(asked)):
        return None, "not Unicode"
    row = {"question": question.strip()}
    if isinstance(asked, AnsweredRows):
        answer = raw.get(asked.answer)
        if answer is None or isinstance(answer, bool | list | dict) or str(answer).strip() in ("", "nan"):
            return None, "no answer"
        text = str(answer).strip()
        row["reference"] = (final_answer(text).text or text) if "\\boxed" in text else text
    if isinstance(asked, SolvedRows):
        solution = raw.get(asked.solution)
        if not isinstance(solution, str) or not solution.strip():
            return None, "no solution"
        row["completion"] = solution.strip()
    return row, ""


def _beside_the_question(asked: Rows) -> list[str]:
    """The other columns that are read."""
    if isinstance(asked, AnsweredRows):
        return [asked.answer]
    return [asked.solution] if isinstance(asked, SolvedRows) else []


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
