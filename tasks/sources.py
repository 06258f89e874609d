"""Sources: the files that a recipe names, each read to its usable rows, and the reasons for the others."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.errors import BadInput
from schemas.games import GameBenchmark
from schemas.generated import Generated, GeneratedBenchmark
from schemas.inputs import BROUGHT
from schemas.recipe import AnsweredRows, Benchmark, Documents, Recipe, Rows, SolvedRows
from schemas.table import Table
from tasks.answers.canonical import canonical
from tasks.files import Row, raw_rows
from tasks.games.starts import items_of
from tasks.generated import tasks_of
from tasks.reading.columns import column_meant, no_references
from tasks.reading.references import read_reference
from tasks.store.objects import digest_of, file_digest


@dataclass(frozen=True)
class Source:
    """A file of the recipe and what was found in it, or the starts of its games, or what a generator made. The digest
    is that of the file's bytes, or of those rows, and of what was asked."""

    key: str
    """The recipe's key, such as data.probe."""
    asked: Rows | Documents | Generated | GameBenchmark
    path: Path
    rows: tuple[dict[str, Any], ...]
    """question, reference or completion (if asked for), source_row; of documents text, licence, source_row."""
    unusable: dict[str, int]
    """Reason -> rows."""
    digest: str
    read_as: dict[str, int] = field(default_factory=dict)
    """How references were read -> rows; empty for a file without."""


@dataclass(frozen=True)
class Sources:
    """All files of a recipe."""

    data: dict[str, Source]
    """By the name of its section, [data.NAME]; inputs/NAME is its table."""
    benchmarks: tuple[tuple[Benchmark | GeneratedBenchmark | GameBenchmark, Source], ...]

    @property
    def named(self) -> tuple[Source, ...]:
        """Those that are files."""
        return tuple(source for source in self._every if not isinstance(source.asked, Generated | GameBenchmark))

    @property
    def _every(self) -> tuple[Source, ...]:
        return (*self.data.values(), *(source for _, source in self.benchmarks))

    @property
    def protected(self) -> dict[str, Source]:
        """Those that nothing may be trained on, beside the benchmarks."""
        return {name: source for name, source in self.data.items() if table_of(name).protected}

    @property
    def solved(self) -> bool:
        """Whether one holds worked solutions."""
        return any(isinstance(source.asked, SolvedRows) for source in self.named)

    @property
    def digest(self) -> str:
        return digest_of({source.key: source.digest for source in self._every})


def table_of(name: str) -> Table:
    """The table of the rows of [data.NAME]."""
    return BROUGHT[f"inputs/{name}"]


def read_sources(recipe: Recipe, folder: Path) -> Sources:
    """Read every file that the recipe names, relative to its folder. Protected rows leave the benchmarks, and those
    in one that is not sealed leave the sealed ones, which could confirm nothing by them.

    Raises BadInput, before anything is written, for a file that cannot be used.
    """
    asked = {name: rows for name, rows in recipe.data if rows is not None}
    data = {name: _read(f"data.{name}", rows, folder) for name, rows in asked.items()}
    protected = {name: source for name, source in data.items() if table_of(name).protected}
    apart = {row["question"]: f"already in the {name}" for name, source in protected.items() for row in source.rows}
    benchmarks = {b.name: _items(b, folder, apart) for b in recipe.benchmarks if not b.sealed}
    shown = {row["question"]: "already in a benchmark" for source in benchmarks.values() for row in source.rows}
    benchmarks |= {b.name: _items(b, folder, shown | apart) for b in recipe.benchmarks if b.sealed}
    return Sources(data, tuple((b, benchmarks[b.name]) for b in recipe.benchmarks))


def _items(
    benchmark: Benchmark | GeneratedBenchmark | GameBenchmark, folder: Path, leave: Mapping[str, str]
) -> Source:
    key = f"benchmarks.{benchmark.name}"
    if not isinstance(benchmark, GameBenchmark):
        return _read(key, benchmark, folder, leave)
    return Source(
        key, benchmark, folder, tuple(items_of(benchmark)), {}, digest_of({key: benchmark.model_dump_json()})
    )


def _read(
    key: str, asked: Rows | Documents | Generated, folder: Path, leave: Mapping[str, str] = MappingProxyType({})
) -> Source:
    if isinstance(asked, Generated):
        rows, unusable = tasks_of(key, asked, leave)
        made = {row["question"]: row["reference"] for row in rows}
        return Source(key, asked, folder, tuple(rows), unusable, digest_of(made | {key: asked.model_dump_json()}))
    return (
        read_documents(key, asked, folder) if isinstance(asked, Documents) else read_source(key, asked, folder, leave)
    )


def read_source(key: str, asked: Rows, folder: Path, leave: Mapping[str, str] = MappingProxyType({})) -> Source:
    """The usable rows of one file, relative to a folder, but for questions to leave out, each with its reason.
    Of rows with one question the first is kept. Raises BadInput."""
    path = _file(key, asked, folder)
    every = list(rows_of(key, asked, path, leave))
    found = [raw for _, raw, _, _ in every if raw is not None]
    _check_names(key, path, (asked.question, *_beside_the_question(asked)), found)
    if isinstance(asked, AnsweredRows):
        _check_column(key, path, asked, found)
    unusable: Counter[str] = Counter()
    usable: dict[str, Row] = {}
    for number, _, row, reason in every:
        if row and not reason:
            usable[row["question"]] = row | {"source_row": number}
        else:
            unusable[reason] += 1
    if isinstance(asked, AnsweredRows):
        unusable = _with_column_meant(unusable, found, asked)
    if not usable:
        raise BadInput(f"{key}: {path} has no usable row ({_counted(unusable)}); expected text in '{asked.question}'")
    rows = list(usable.values())
    read_as = Counter(how for row in rows if (how := row.pop("how", "")))
    if asked.sample is not None and asked.sample < len(rows):
        rows = sorted(rows, key=lambda row: hashlib.sha256(row["question"].encode()).hexdigest())[: asked.sample]
    return Source(
        key, asked, path, tuple(rows), dict(sorted(unusable.items())), _digest(path, asked),
        dict(sorted(read_as.items())),
    )  # fmt: skip


def read_documents(key: str, asked: Documents, folder: Path) -> Source:
    """The usable documents of one file; of equal ones the first is kept. Raises BadInput."""
    path = _file(key, asked, folder)
    every = list(raw_rows(key, path))
    _check_names(key, path, (asked.text, *([asked.licence] if asked.licence else [])), filter(None, every))
    unusable: Counter[str] = Counter()
    usable: dict[str, Row] = {}
    for number, raw in enumerate(every):
        text = _stripped(raw, asked.text)
        licence = _stripped(raw, asked.licence) if asked.licence else ""
        if reason := _why_no_document(raw, text, usable):
            unusable[reason] += 1
        else:
            usable[text] = {"text": text, "licence": licence if _storable(licence) and licence else None}
            usable[text]["source_row"] = number
    if not usable:
        raise BadInput(f"{key}: {path} has no usable row ({_counted(unusable)}); expected text in '{asked.text}'")
    return Source(key, asked, path, tuple(usable.values()), dict(sorted(unusable.items())), _digest(path, asked))


def _stripped(raw: Row | None, column: str) -> str:
    value = raw.get(column) if raw else None
    return value.strip() if isinstance(value, str) else ""


def _why_no_document(raw: Row | None, text: str, known: Collection[str]) -> str:
    if raw is None:
        return "not a JSON object"
    if not text:
        return "no text"
    if not _storable(text):
        return "not Unicode"
    return "repeated" if text in known else ""


def _file(key: str, asked: Rows | Documents, folder: Path) -> Path:
    path = folder / asked.path
    if not path.exists():
        raise BadInput(
            f"{key}.path = '{asked.path}': no such file ({path}); expected JSONL, CSV, Parquet or a folder"
        )
    return path


def _check_names(key: str, path: Path, wanted: Iterable[str], rows: Iterable[Row]) -> None:
    """Raises BadInput for a column that no row has."""
    columns = {column for row in rows for column in row}
    for column in wanted:
        if columns and column not in columns:
            names = ", ".join(sorted(map(str, columns)))
            raise BadInput(f"{key}: {path} has no column '{column}'; it has {names}")


def _digest(path: Path, asked: Rows | Documents) -> str:
    return digest_of({"file": _path_digest(path), "asked": asked.model_dump_json(exclude={"path"})})


def rows_of(
    key: str, asked: Rows, path: Path, leave: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[int, Row | None, Row | None, str]]:
    """Each row of a file: its number, as it stands (None: no object), as it was read, and why it is not used ("": it
    is). A row with a reference says under `how` how that was read."""
    seen: dict[str, Row] = {}
    for number, raw in enumerate(raw_rows(key, path)):
        row, reason = _usable(raw, asked) if raw is not None else (None, "not a JSON object")
        if row and row["question"] in leave:
            reason = leave[row["question"]]
        elif row and (first := seen.setdefault(row["question"], row)) is not row:
            reason = "repeated" if _same_reference(first, row) else "the same question with another answer"
        yield number, raw, row, reason


def _check_column(key: str, path: Path, asked: AnsweredRows, rows: Sequence[Row]) -> None:
    """Raises BadInput for a column that cannot hold references, with the one that could be meant."""
    if held := no_references(rows, asked.question, asked.answer):
        meant = column_meant(rows, asked.question, asked.answer)
        others = ", ".join(sorted({str(column) for row in rows for column in row} - {asked.question, asked.answer}))
        hint = f"'{meant}' reads as answers" if meant else f"no other column reads as answers ({others or 'none'})"
        raise BadInput(f"{key}.answer = '{asked.answer}': {path} holds {held} there; {hint}")


def _with_column_meant(unusable: Counter[str], rows: Sequence[Row], asked: AnsweredRows) -> Counter[str]:
    """Reasons that name a type, with the column that reads as answers, if another does."""
    if not any(reason.startswith("the answer is") for reason in unusable):
        return unusable
    meant = column_meant(rows, asked.question, asked.answer)
    hint = f"; '{meant}' reads as answers" if meant else ""
    return Counter({reason + hint * reason.startswith("the answer is"): n for reason, n in unusable.items()})


def _usable(raw: Row, asked: Rows) -> tuple[Row | None, str]:
    question = raw.get(asked.question)
    if not isinstance(question, str) or not question.strip():
        return None, "no question"
    row = {"question": question.strip()}
    if isinstance(asked, AnsweredRows):
        reference = read_reference(raw.get(asked.answer))
        if reference.text is None:
            return None, reference.how
        row |= {"reference": reference.text, "how": reference.how}
    if isinstance(asked, SolvedRows):
        solution = raw.get(asked.solution)
        if not isinstance(solution, str) or not solution.strip():
            return None, "no solution"
        row["completion"] = solution.strip()
    return (row, "") if all(map(_storable, row.values())) else (None, "not Unicode")


def _same_reference(first: Row, second: Row) -> bool:
    """Whether a question that comes again has the same true answer; without answers, any copy is one."""
    one, other = first.get("reference"), second.get("reference")
    return one == other or (one is not None and other is not None and canonical(one) == canonical(other) != "")


def _beside_the_question(asked: Rows) -> list[str]:
    """The other columns that are read."""
    if isinstance(asked, AnsweredRows):
        return [asked.answer]
    return [asked.solution] if isinstance(asked, SolvedRows) else []


def _storable(text: str) -> bool:
    """Whether a text has no lone surrogates: JSON can name them, Unicode has no bytes for them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _path_digest(path: Path) -> str:
    if path.is_file():
        return file_digest(path)
    return digest_of({p.relative_to(path).as_posix(): file_digest(p) for p in path.rglob("*") if p.is_file()})


def _counted(unusable: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(unusable.items())) or "it is empty"
