"""A table declares, in its own file, what its columns mean, what its rows are made of, and what every row must meet.

Read off it: the expectation suite, ancestry in both directions, how a failing row spoils what was made of it, what an
audit looks for, export, and docs/store.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import pyarrow as pa

from schemas.document import Record
from schemas.settings import Validate


class Expectation(Record):
    """One of Great Expectations', by its class, with its settings."""

    kind: str
    settings: dict[str, Any]


class Parent(Record):
    """A column that names other rows."""

    column: str
    tables: tuple[str, ...]
    """The tables that such a row may stand in, of this round or of a round that it was built on; none: any."""
    several: bool = False
    """The column holds a list of ids."""
    relation: Literal["made_of", "about", "names"] = "made_of"
    """made_of: the row comes of it. about: the row says something of it, and if the row fails, so does what it speaks
    of. names: it is only mentioned, perhaps of any earlier round."""


@dataclass(frozen=True)
class Column:
    """A typed column, and what its values must meet."""

    field: pa.Field
    expectations: tuple[Expectation, ...] = ()
    parent: Parent | None = None


Whole = Callable[[Validate], list[Expectation]]


@dataclass(frozen=True, eq=False)
class Table:
    """A typed Parquet table. Rows are sorted by `id`, which is unique."""

    name: str
    schema: pa.Schema
    meaning: str
    """One row of it, in words."""
    parents: tuple[Parent, ...]
    expectations: tuple[Expectation, ...]
    """Row-level: a row that does not meet them is dropped with the expectation's name."""
    whole: Whole
    """Batch-level, by the recipe's limits: a table that does not meet them fails the round."""
    trains: bool
    """Weights are trained on it: no protected row may be an ancestor of it."""
    protected: bool
    """Nothing may be trained on what its rows ask."""
    later: str
    """What of later rounds reads it; "" for nothing."""
    watched: tuple[str, ...]
    """Columns whose distribution `diff` compares: numbers, and texts by their length."""

    @cached_property
    def id_prefix(self) -> str:
        return self.name.rsplit("/", 1)[-1]

    @cached_property
    def edges(self) -> tuple[Parent, ...]:
        """What its rows are made of or about; not what they only mention."""
        return tuple(parent for parent in self.parents if parent.relation != "names")


def table(
    name: str,
    meaning: str,
    *columns: Column,
    also: tuple[Expectation, ...] = (),
    whole: Whole = lambda limits: [],
    trains: bool = False,
    protected: bool = False,
    later: str = "",
    watched: tuple[str, ...] = (),
    unique_ids: bool = True,
) -> Table:
    """`also`: row-level expectations of several columns, or that no kind of column has."""
    row_id = column("id", pa.string(), "<table>-<round>-<hash of table, seed, label, parents' ids, index>")
    assert set(watched) <= {each.field.name for each in columns}, f"{name}: watches a column that it has not"
    return Table(
        name=name,
        schema=pa.schema([row_id.field, *(each.field for each in columns)]),
        meaning=meaning,
        parents=tuple(each.parent for each in columns if each.parent),
        expectations=(
            *((unique("id"),) if unique_ids else ()),
            *(expectation for each in columns for expectation in each.expectations),
            *also,
        ),
        whole=whole,
        trains=trains,
        protected=protected,
        later=later,
        watched=watched,
    )


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> Column:
    """A column whose meaning travels with the file, in the field's metadata."""
    return Column(pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning}))


def parent(name: str, *tables: str, meaning: str, several: bool = False, nullable: bool = False) -> Column:
    """The id, or `several` ids, of what the row is made of."""
    kind = pa.list_(pa.string()) if several else pa.string()
    return Column(
        column(name, kind, meaning, nullable=nullable).field,
        parent=Parent(column=name, tables=tables, several=several),
    )


def about(name: str, *tables: str, meaning: str) -> Column:
    """The id of the row that this one says something of."""
    field = column(name, pa.string(), meaning).field
    return Column(field, parent=Parent(column=name, tables=tables, relation="about"))


def names(name: str, *tables: str, meaning: str, several: bool = False, nullable: bool = False) -> Column:
    """The id, or `several` ids, of rows that are only mentioned."""
    kind = pa.list_(pa.string()) if several else pa.string()
    field = column(name, kind, meaning, nullable=nullable).field
    return Column(field, parent=Parent(column=name, tables=tables, several=several, relation="names"))


def text(name: str, meaning: str) -> Column:
    """A text that is not empty."""
    filled = expect("ExpectColumnValueLengthsToBeBetween", column=name, min_value=1)
    return Column(column(name, pa.string(), meaning).field, (filled,))


def share(name: str, meaning: str) -> Column:
    """A number from 0 to 1."""
    return Column(column(name, pa.float64(), meaning).field, (between(name, 0, 1),))


def one_of(name: str, meaning: str, *values: str) -> Column:
    """One of these words."""
    known = expect("ExpectColumnValuesToBeInSet", column=name, value_set=list(values))
    return Column(column(name, pa.string(), meaning).field, (known,))


def count(name: str, meaning: str, least: int = 1) -> Column:
    """A whole number, this or more."""
    return Column(column(name, pa.int32(), meaning).field, (between(name, least, None),))


def ids_of(name: str) -> Column:
    """The tokens of a text that was sampled."""
    meaning = f"the tokens of `{name}` as they were sampled; null where nobody told them, as of a gold solution"
    return column(f"{name}_ids", pa.list_(pa.int32()), meaning, nullable=True)


def expect(kind: str, **settings: Any) -> Expectation:
    return Expectation(kind=kind, settings={name: value for name, value in settings.items() if value is not None})


def unique(name: str) -> Expectation:
    return expect("ExpectColumnValuesToBeUnique", column=name)


def between(name: str, least: float | None, most: float | None) -> Expectation:
    return expect("ExpectColumnValuesToBeBetween", column=name, min_value=least, max_value=most)


def no_less(greater: str, smaller: str) -> Expectation:
    """One column is at least as great as another."""
    return expect(
        "ExpectColumnPairValuesAToBeGreaterThanB",
        column_A=greater, column_B=smaller, or_equal=True, ignore_row_if="neither",
    )  # fmt: skip


def rows(least: int) -> Expectation:
    """At least so many rows."""
    return expect("ExpectTableRowCountToBeBetween", min_value=least)


def limited(limits: Validate, name: str, made: Callable[[Any], Expectation]) -> list[Expectation]:
    """What a limit of the recipe asks for; nothing where the method has no such limit."""
    limit = getattr(limits, name, None)
    return [] if limit is None else [made(limit)]


def mean(name: str, least: float) -> Expectation:
    return expect("ExpectColumnMeanToBeBetween", column=name, min_value=least)


def total(name: str, least: int) -> Expectation:
    return expect("ExpectColumnSumToBeBetween", column=name, min_value=least)


VERIFIED = column(
    "verified",
    pa.bool_(),
    "whether this program loaded the weights that wrote it, by their digest; false: a server at a URL was asked, "
    "which only says what it serves",
    nullable=True,  # it is in the tables' digests
)
PROMPT_IDS = column(
    "prompt_ids",
    pa.list_(pa.int32()),
    "the prompt's tokens, where its text alone would be read as others: a row spells a control token; else null",
    nullable=True,
)
TOKENS = (
    PROMPT_IDS,
    column(
        "token_ids",
        pa.list_(pa.int32()),
        "the tokens that were sampled, the end token among them; null where the engine did not tell",
        nullable=True,
    ),
    column(
        "same_tokens",
        pa.bool_(),
        "whether the text, encoded anew, gives these tokens; null where nobody told them",
        nullable=True,
    ),
)
"""Of a table whose completions may be trained on."""
JUDGED_BY = (
    column("checkpoint", pa.string(), "digest of the weights that judged; MODEL@REVISION of a teacher"),
    VERIFIED,
)
UNANSWERED = ("prompt_too_long", "refused", "no_text", "failed")
"""Why a request has no answer: it is longer than the model or its server takes; the server, its filter or the model
declined; the answer holds no text; the server fails at this request alone."""
CONTRADICTS = "contradicts"
"""Why a row is not trained on that another one of its round contradicts."""
ENDED = one_of("finish_reason", "stop or length", "stop", "length")
ENDED_OR_UNANSWERED = one_of(
    "finish_reason",
    f"stop or length; or why there is no answer: {', '.join(UNANSWERED)}",
    *("stop", "length", *UNANSWERED),
)
JUDGEMENT = (
    text("prompt", "the prompt as the judge saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion; 0 without an answer", least=0),
    ENDED_OR_UNANSWERED,
)
"""What a judge was asked, and said."""


Stage = TypeVar("Stage", bound=Callable[..., Any])


def writes(*tables: Table) -> Callable[[Stage], Stage]:
    """Say of a stage which tables it may write: what plans a round knows then what later stages can read."""

    def declared(stage: Stage) -> Stage:
        stage.writes = tuple(table.name for table in tables)  # type: ignore[attr-defined]
        return stage

    return declared
