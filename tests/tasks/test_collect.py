import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput, ValidationFailed
from schemas.recipe import AnsweredRows, Benchmark, Documents, SolvedRows
from schemas.settings import Contamination
from tasks.collect import collect
from tasks.prompts import Prompt, load_prompt
from tasks.sources import Sources, read_documents, read_source, read_sources
from tasks.store.objects import keep_checkpoint

APART = Contamination()
ROWS = [{"problem": f"{i}+1", "solution": str(i + 1)} for i in range(1, 10)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "seeds.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS[:3]))
    (tmp_path / "probe.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS[3:6]))
    (tmp_path / "bench.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS[6:]))
    return tmp_path


def reading(quickstart, **files):
    names = {"seeds": "seeds.jsonl", "probe": "probe.jsonl", "bench": "bench.jsonl"} | files
    columns = {"question": "problem", "answer": "solution"}
    return read_recipe(
        quickstart
        | {
            "data": {
                "seeds": {"path": names["seeds"], "question": "problem"},
                "probe": {"path": names["probe"]} | columns,
            }
        }
        | {"benchmarks": [{"name": "sums", "path": names["bench"]} | columns]}
    )


def as_csv(path):
    path.write_text("problem,solution\n" + "".join(f"{row['problem']},{row['solution']}\n" for row in ROWS[6:]))


def as_parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS[6:]), path)


def as_datasets_folder(path):
    from datasets import Dataset

    Dataset.from_list(ROWS[6:]).save_to_disk(str(path))


@pytest.mark.parametrize(
    ("name", "write"),
    [("b.csv", as_csv), ("b.parquet", as_parquet), ("b", as_datasets_folder)],
    ids=["csv", "parquet", "datasets"],
)
def test_a_benchmark_may_be_csv_parquet_or_a_datasets_folder(folder, quickstart, name, write):
    write(folder / name)
    expected = read_sources(reading(quickstart), folder).benchmarks[0][1].rows
    assert read_sources(reading(quickstart, bench=name), folder).benchmarks[0][1].rows == expected


def test_unusable_rows_are_counted_with_the_reason(folder, quickstart):
    lines = [
        '{"problem": "7+1", "solution": "8"}',
        "not json",
        '{"problem": "\\ud800", "solution": "1"}',
        '{"problem": "3+3", "solution": NaN}',
        '{"problem": "", "solution": "1"}',
        '{"problem": "9+9"}',
    ]
    lines += [
        '{"problem": "7+1", "solution": "8"}',
        json.dumps(ROWS[3]),
        '["a list"]',
        '{"problem": 7, "solution": 7}',
    ]
    (folder / "bench.jsonl").write_text("\n".join(lines))
    source = read_sources(reading(quickstart), folder).benchmarks[0][1]
    assert source.rows == ({"question": "7+1", "reference": "8", "source_row": 0},)
    assert source.unusable == {
        "already in the probe": 1, "no answer": 2, "not Unicode": 1, "no question": 2, "not a JSON object": 2,
        "repeated": 1,
    }  # fmt: skip


def test_a_sealed_benchmark_is_kept_apart_from_those_that_are_read_every_night(folder, quickstart):
    recipe = reading(quickstart)
    (sums,) = recipe.benchmarks
    (folder / "sealed.jsonl").write_text(
        "\n".join(json.dumps(row) for row in [*ROWS[5:], {"problem": "0+1", "solution": 1}])
    )
    sealed = sums.model_copy(update={"name": "hidden", "path": "sealed.jsonl", "sealed": True})
    for benchmarks in ((sums, sealed), (sealed, sums)):
        found = dict(
            (b.name, source)
            for b, source in read_sources(recipe.model_copy(update={"benchmarks": benchmarks}), folder).benchmarks
        )
        assert list(found) == [b.name for b in benchmarks]
        assert len(found["sums"].rows) == 3
        assert [row["question"] for row in found["hidden"].rows] == ["0+1"]
        assert found["hidden"].unusable == {"already in a benchmark": 3, "already in the probe": 1}
    same = recipe.model_copy(update={"benchmarks": (sums, sealed.model_copy(update={"path": sums.path}))})
    with pytest.raises(BadInput, match=r"^benchmarks\.hidden: .* has no usable row \(3 already in a benchmark\)"):
        read_sources(same, folder)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, r"benchmarks\.sums\.path = 'bench\.jsonl': no such file"),
        ('{"question": "1"}', r"has no column 'problem'; it has question"),
        ('{"problem": "1"}', r"has no column 'solution'"),
        ("", r"has no usable row \(it is empty\); expected text in 'problem'"),
        ('{"problem": "", "solution": "1"}', r"has no usable row \(1 no question\)"),
        (b"\xff\xfe", r"cannot be read"),
    ],
)
def test_an_unusable_file_is_refused_with_its_key_and_what_is_wrong(folder, quickstart, content, line):
    (folder / "bench.jsonl").unlink()
    if content is not None:
        (folder / "bench.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=line):
        read_sources(reading(quickstart), folder)


def test_a_boxed_reference_is_unboxed_and_a_sample_is_chosen_by_hash(folder, quickstart):
    rows = [{"problem": f"p{i}", "solution": f"\\boxed{{{i}}}"} for i in range(50)]
    (folder / "bench.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = reading(quickstart)
    few = recipe.benchmarks[0].model_copy(update={"sample": 5})
    chosen = read_sources(recipe.model_copy(update={"benchmarks": (few,)}), folder).benchmarks[0][1].rows
    assert len(chosen) == 5
    assert all(row["reference"] == row["question"][1:] for row in chosen)
    (folder / "bench.jsonl").write_text("\n".join(map(json.dumps, rows[::-1])))
    again = read_sources(recipe.model_copy(update={"benchmarks": (few,)}), folder).benchmarks[0][1].rows
    assert [row["question"] for row in again] == [row["question"] for row in chosen]


def test_a_seed_that_is_in_a_benchmark_or_the_probe_never_becomes_a_few_shot(folder, quickstart, draft):
    (folder / "seeds.jsonl").write_text("\n".join(json.dumps(row) for row in [ROWS[0], ROWS[4], ROWS[7]]))
    collect(draft, sources=read_sources(reading(quickstart), folder), protection=APART)
    tables = draft.tables()
    assert draft.read(tables["inputs/seeds"])["question"].to_pylist() == [ROWS[0]["problem"]]
    assert sorted(draft.read(tables["contamination"])["set_name"].to_pylist()) == ["probe", "sums"]
    assert draft.dropped() == {"contaminated_exact": 2}


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder, quickstart):
    (folder / "bench.csv").write_text("problem,solution\n7+1,8,too many\n", encoding="utf-8-sig")
    assert read_sources(reading(quickstart, bench="bench.csv"), folder).benchmarks[0][1].rows[0]["question"] == "7+1"


def test_a_datasets_folder_with_splits_is_refused_with_their_names(folder, quickstart):
    from datasets import Dataset, DatasetDict

    DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS)}).save_to_disk(str(folder / "b"))
    with pytest.raises(BadInput, match=r"holds the splits test, train; name one, as 'b/<split>'"):
        read_sources(reading(quickstart, bench="b"), folder)
    assert len(read_sources(reading(quickstart, bench="b/test"), folder).benchmarks[0][1].rows) == 6


def with_gold(quickstart, folder, rows):
    (folder / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = reading(quickstart)
    gold = SolvedRows(path="gold.jsonl", question="problem", solution="solution")
    return read_sources(given.model_copy(update={"data": given.data.model_copy(update={"gold": gold})}), folder)


def test_gold_rows_carry_what_the_solver_is_asked_and_none_is_a_benchmark_or_probe_row(
    folder, quickstart, draft, tiny
):
    rows = [
        {"problem": "2+2+1+1", "solution": " 2+2=4\n#6\n"}, ROWS[4], ROWS[7], {"problem": "5", "solution": 5},
        {"problem": "6", "solution": " "},
    ]  # fmt: skip
    sources = with_gold(quickstart, folder, rows)
    prompt = load_prompt("solve_sums", folder)
    collect(draft, sources=sources, protection=APART, prompt=prompt, base=tiny)
    (gold,) = draft.read(draft.tables()["inputs/gold"]).to_pylist()
    asked = {"question": "2+2+1+1", "prompt": "2+2+1+1=\n", "completion": "2+2=4\n#6", "source_row": 0}
    asked |= {"prompt_ids": None}
    assert gold == asked | {"id": gold["id"]}
    assert draft.dropped() == {"contaminated_exact": 2}
    assert {row["table"] for row in draft.read(draft.tables()["dropped"]).to_pylist()} == {"inputs/gold"}
    assert sources.data["gold"].unusable == {"no solution": 2}


def test_gold_that_is_all_benchmark_or_probe_rows_is_one_line_and_nothing_is_written(folder, quickstart, draft, tiny):
    sources = with_gold(quickstart, folder, [ROWS[4], ROWS[7]])
    line = r"^data\.gold: each of the 2 rows touches a protected row$"
    with pytest.raises(ValidationFailed, match=line):
        collect(draft, sources=sources, protection=APART, prompt=load_prompt("solve_sums", folder), base=tiny)
    assert draft.tables() == {}


def test_a_chats_gold_prompt_is_what_an_engine_would_show_the_model(folder, quickstart, draft, tiny):
    shutil.copytree(draft.checkpoint(tiny), folder / "chat")
    (folder / "chat/chat_template.jinja").write_text(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}:"
    )
    base = keep_checkpoint(draft.lineage.objects, folder / "chat")
    sources = with_gold(quickstart, folder, [{"problem": "2+2", "solution": "4"}])
    prompt = Prompt("chat", "{% block user %}Add {{ question }}{% endblock %}")
    collect(draft, sources=sources, protection=APART, prompt=prompt, base=base)
    assert draft.read(draft.tables()["inputs/gold"])["prompt"].to_pylist() == ["<user>Add 2+2:"]


def test_without_gold_nothing_is_written_of_it(folder, quickstart, draft):
    collect(draft, sources=read_sources(reading(quickstart), folder), protection=APART)
    assert "inputs/gold" not in draft.tables()


def test_a_document_that_holds_a_benchmark_or_probe_row_is_dropped(folder, draft):
    texts = ["Of hens.\n7+1\nand more", "a tale of two and three and four and five sacks", "4+1", "Of cats."]
    (folder / "texts.jsonl").write_text("\n".join(json.dumps({"text": text, "terms": "CC0"}) for text in texts))
    bench = [*ROWS[6:], {"problem": "Two and three and four and five sacks: how many?", "solution": "14"}]
    (folder / "bench.jsonl").write_text("\n".join(map(json.dumps, bench)))
    named = {"question": "problem", "answer": "solution"}
    asked = Benchmark(name="sums", path="bench.jsonl", **named)
    probe = AnsweredRows(path="probe.jsonl", **named)
    texts = Documents(path="texts.jsonl", text="text", licence="terms")
    sources = Sources(
        {
            "documents": read_documents("data.documents", texts, folder),
            "probe": read_source("data.probe", probe, folder),
        },
        ((asked, read_source("benchmarks.sums", asked, folder)),),
    )
    collect(draft, sources=sources, protection=Contamination(ngram=6))
    tables = {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}
    (kept,) = tables["inputs/documents"]
    assert (kept["text"], kept["licence"], kept["source_row"]) == ("Of cats.", "CC0", 3)
    reasons = {row["text"]: row["reason"] for row in tables["dropped"]}
    assert sorted(reasons.values()) == ["contaminated_exact", "contaminated_exact", "contaminated_ngram"]
    hits = {row["row_id"]: row["set_name"] for row in tables["contamination"]}
    assert sorted(hits.values()) == ["probe", "sums", "sums"] and set(hits) == {
        row["id"] for row in tables["dropped"]
    }
