"""Training rows as tokens: the very ones that were sampled. Text is encoded anew only where nobody told them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.errors import ValidationFailed
from tasks.engines.texts import anew, end_after

MOST_TOO_LONG = 0.5  # share of the rows that may be longer than max_length: beyond, the rest is no fair sample of them


class Encoded(NamedTuple):
    rows: pa.Table
    """Those that fit, with `prompt_ids` and, of each text, `<text>_ids`."""
    too_long: list[tuple[str, int]]
    """Those that max_length would cut: id and tokens."""
    anew: int
    """Rows with a text that was encoded anew."""


def encoded(rows: pa.Table, tokenizer: Any, texts: Sequence[str], max_length: int) -> Encoded:
    """Rows with `prompt` and `texts`, as tokens. One that is longer than max_length is left out: cut off, it would
    teach to stop there, or never to."""
    prompts, asked = rows["prompt"].to_pylist(), _told(rows, "prompt")
    asked = [
        list(tokenizer(prompt)["input_ids"]) if ids is None else ids
        for prompt, ids in zip(prompts, asked, strict=True)
    ]
    said, fresh = dict[str, list[list[int]]](), set[int]()
    for name in texts:
        told = _told(rows, name)
        missing = [i for i, ids in enumerate(told) if ids is None]
        column, ended = rows[name].to_pylist(), _ended(rows, name)
        found = anew(tokenizer, [(prompts[i], asked[i]) for i in missing], [column[i] for i in missing])
        for i, ids in zip(missing, found, strict=True):
            told[i] = ids + [end_after(tokenizer, prompts[i])] * ended[i]
        said[name] = [ids or [] for ids in told]
        fresh.update(missing)
    lengths = [len(ids) + max(len(said[name][i]) for name in texts) for i, ids in enumerate(asked)]
    for name, tokens in {"prompt": asked, **said}.items():
        if (column_name := f"{name}_ids") in rows.column_names:
            rows = rows.drop_columns(column_name)
        rows = rows.append_column(column_name, pa.array(tokens, pa.list_(pa.int32())))
    ids = rows["id"].to_pylist()
    too_long = [(ids[i], length) for i, length in enumerate(lengths) if length > max_length]
    fit = pa.array([length <= max_length for length in lengths], pa.bool_())
    return Encoded(rows.filter(fit), too_long, len(fresh))


def refuse_too_many(method: str, table: str, too_long: Sequence[int], total: int, max_length: int) -> None:
    """Raises ValidationFailed if most rows are too long. `too_long`: their lengths."""
    if len(too_long) > MOST_TOO_LONG * total:
        raise ValidationFailed(
            f"train.{method}.max_length = {max_length}: {len(too_long):,} of {total:,} rows of {table} are longer, up to "
            f"{max(too_long):,} tokens with their prompts; raise it, then run again"
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
