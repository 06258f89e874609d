"""Training rows as tokens: the very ones that were sampled. Text is encoded anew only where nobody told them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.errors import ValidationFailed
from tasks.engines.texts import anew, end_after

MOST_TOO_LONG = (
    0.5  # share of the rows that may be longer than max_length: beyond, the rest is no fair sample of them
)


class Encoded(NamedTuple):
    rows: pa.Table
    """Those that fit, with `prompt_ids` and, of each text, `<text>_ids`."""
    too_long: dict[int, int]
    """Those that max_length would cut: place -> tokens."""
    anew: int
    """Rows with a text that was encoded anew."""


def encoded(rows: pa.Table, tokenizer: Any, texts: Sequence[str], max_length: int) -> Encoded:
    """Rows with `prompt` and `texts`, as tokens. One that is longer than max_length is left out: cut off, it would
    teach to stop there, or never to."""
    prompts = rows["prompt"].to_pylist()
    asked = [
        list(tokenizer(prompt)["input_ids"]) if ids is None else ids
        for prompt, ids in zip(prompts, _told(rows, "prompt"), strict=True)
    ]
    said, fresh = dict[str, list[list[int]]](), set[int]()
    for name in texts:
        told = _told(rows, name)
        missing = [i for i, ids in enumerate(told) if ids is None]
        column, ended = rows[name].to_pylist(), _ended(rows, name)
        found = anew(tokenizer, [(prompts[i], asked[i]) for i in missing], [column[i] for i in missing])
        for i, tokens in zip(missing, found, strict=True):
            told[i] = tokens + [end_after(tokenizer, prompts[i])] * ended[i]
        said[name] = [tokens or [] for tokens in told]
        fresh.update(missing)
    lengths = [len(ids) + max(len(said[name][i]) for name in texts) for i, ids in enumerate(asked)]
    for name, column in {"prompt_ids": asked, **{f"{name}_ids": said[name] for name in texts}}.items():
        rows = rows.drop_columns(name) if name in rows.column_names else rows
        rows = rows.append_column(name, pa.array(column, pa.list_(pa.int32())))
    too_long = {place: length for place, length in enumerate(lengths) if length > max_length}
    fit = pa.array([length <= max_length for length in lengths], pa.bool_())
    return Encoded(rows.filter(fit), too_long, len(fresh))


def refuse_too_many(method: str, table: str, too_long: Sequence[int], total: int, max_length: int) -> None:
    """Raises ValidationFailed if most rows are too long. `too_long`: their lengths."""
    if len(too_long) > MOST_TOO_LONG * total:
        raise ValidationFailed(
            f"train.{method}.max_length = {max_length}: {len(too_long):,} of {total:,} rows of {table} are longer, "
            f"prompt and all, up to {max(too_long):,} tokens; raise it, then run again"
        )


def _told(rows: pa.Table, name: str) -> list[list[int] | None]:
    if f"{name}_ids" not in rows.column_names:
        return [None] * len(rows)
    found: list[list[int] | None] = rows[f"{name}_ids"].to_pylist()
    return found


def _ended(rows: pa.Table, name: str) -> list[bool]:
    """Whether each text has an end to learn: those cut off have none."""
    column = f"{name}_ended"
    return rows[column].to_pylist() if column in rows.column_names else [True] * len(rows)
