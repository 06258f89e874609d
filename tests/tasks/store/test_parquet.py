import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.sft_examples import SFT_EXAMPLES
from tasks.store.parquet import logical_digest, read_parts, table_ref, write_part


def row(number: int, **changes: object) -> dict[str, object]:
    filled = {"question_id": "q", "attempt_id": "a", "prompt": "p", "completion": f"c{number}", "agreement": 0.5}
    filled |= {"prompt_ids": None, "completion_ids": None}
    return {"id": f"sft_examples-{number:04d}"} | filled | changes


def test_a_part_is_sorted_by_id_and_read_back_as_it_was(tmp_path):
    write_part(tmp_path / "part-0000.parquet", SFT_EXAMPLES, [row(2), row(0)])
    write_part(tmp_path / "part-0001.parquet", SFT_EXAMPLES, [row(1)])
    assert read_parts(tmp_path, SFT_EXAMPLES).to_pylist() == [row(0), row(1), row(2)]


def test_the_logical_digest_is_of_the_rows_not_of_the_files(tmp_path):
    write_part(tmp_path / "one" / "part-0000.parquet", SFT_EXAMPLES, [row(0), row(1)])
    write_part(tmp_path / "two" / "part-0000.parquet", SFT_EXAMPLES, [row(0)])
    write_part(tmp_path / "two" / "part-0001.parquet", SFT_EXAMPLES, [row(1)])
    one, two = (table_ref(tmp_path, tmp_path / name, SFT_EXAMPLES) for name in ("one", "two"))
    assert one.digest == two.digest
    assert one.files != two.files
    rewritten = pq.read_table(tmp_path / "one" / "part-0000.parquet")
    pq.write_table(rewritten, tmp_path / "other.parquet", compression="gzip", row_group_size=1)
    assert logical_digest(pq.read_table(tmp_path / "other.parquet")) == one.digest
    changed = pa.Table.from_pylist([row(0), row(1, completion="other")], schema=SFT_EXAMPLES.schema)
    assert logical_digest(changed) != one.digest


def test_two_rows_with_one_id_are_refused(tmp_path):
    write_part(tmp_path / "part-0000.parquet", SFT_EXAMPLES, [row(0), row(0)])
    with pytest.raises(AssertionError, match="share an id"):
        table_ref(tmp_path, tmp_path, SFT_EXAMPLES)


def test_a_null_in_a_column_that_has_none_is_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"sft_examples\.prompt: null"):
        write_part(tmp_path / "part-0000.parquet", SFT_EXAMPLES, [row(0, prompt=None)])


def test_the_meaning_of_a_column_travels_with_the_file(tmp_path):
    write_part(tmp_path / "part-0000.parquet", SFT_EXAMPLES, [row(0)])
    schema = pq.read_schema(tmp_path / "part-0000.parquet")
    assert schema.field("completion").metadata[b"meaning"] == b"the attempt's text, or the gold solution"
    assert duckdb.sql(f"select count(*) from '{tmp_path}/part-0000.parquet'").fetchall() == [(1,)]
