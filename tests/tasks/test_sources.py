"""Files as people bring them: benchmarks in the layout they are published in, by naming the column alone."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import BadInput
from schemas.recipe import AnsweredRows, Documents
from tasks.sources import read_documents, read_source

DATA = Path(__file__).resolve().parents[2] / "deployments/data"
OF_GPQA = {"Incorrect Answer 1": "3 eV", "Incorrect Answer 2": "4 eV", "Record ID": "rec"}

# invented questions, in the published columns: (question, answer, rows, references)
PUBLISHED = {
    "gsm8k": (
        "question",
        "answer",
        [
            {"question": "Ann has 3 hens and buys 4. How many?", "answer": "She has 3+4=<<3+4=7>>7 hens.\n#### 7"},
            {
                "question": "A barn holds 600 sacks, two barns?",
                "answer": "2*600=<<2*600=1200>>1,200 sacks.\n#### 1,200",
            },
            {"question": "Bob owes 5 more than 0.", "answer": "He has 0-5=-5.\n#### -5"},
        ],
        ["7", "1,200", "-5"],
    ),
    "math": (
        "problem",
        "solution",
        [
            {
                "problem": "Halve 7.",
                "level": "Level 1",
                "type": "Prealgebra",
                "solution": "It is $\\boxed{\\frac{7}{2}}$.",
            },
            {
                "problem": "Solve $x+3=4$.",
                "level": "Level 2",
                "type": "Algebra",
                "solution": "Take 3 away: $x=\\boxed{1}$.",
            },
            {
                "problem": "Name a pair.",
                "level": "Level 1",
                "type": "Algebra",
                "solution": "We see $\\boxed{(2,3)}$, of 9.",
            },
        ],
        ["\\frac{7}{2}", "1", "(2,3)"],
    ),
    "math-500": (
        "problem",
        "answer",
        [
            {
                "problem": "Halve 7.",
                "solution": "It is $\\boxed{\\frac{7}{2}}$.",
                "answer": "\\frac{7}{2}",
                "unique_id": "a/b/1.json",
            },
            {"problem": "Double 7.", "solution": "It is $\\boxed{14}$.", "answer": "14", "unique_id": "a/b/2.json"},
        ],
        ["\\frac{7}{2}", "14"],
    ),
    "aime": (
        "Problem",
        "Answer",
        [
            {"ID": "2031-I-1", "Problem": "Find $m+n$.", "Solution": "We add.", "Answer": 73},
            {"ID": "2031-I-2", "Problem": "Find $m-n$.", "Solution": "We subtract.", "Answer": 204},
        ],
        ["73", "204"],
    ),
    "aime of three digits": (
        "problem",
        "answer",
        [
            {"problem": "Find $m+n$.", "answer": "073"},
            {"problem": "Find $m-n$.", "answer": "204"},
        ],
        ["073", "204"],
    ),
    "olympiadbench": (
        "question",
        "final_answer",
        [
            {
                "id": 1606,
                "question": "Find all $x$.",
                "solution": ["So 182."],
                "final_answer": ["182"],
                "is_multiple_answer": False,
            },
            {
                "id": 1612,
                "question": "Find both roots.",
                "solution": ["So 2, 5."],
                "final_answer": ["2", "$5$"],
                "is_multiple_answer": True,
            },
        ],
        ["182", "2, $5$"],
    ),
    "asdiv": (
        "Question",
        "Answer",
        [
            {
                "Body": "Ann has 7 apples.",
                "Question": "How many with 2 more?",
                "Formula": "7+2=9",
                "Answer": "9 (apples)",
            },
            {
                "Body": "A road.",
                "Question": "How long are two of 15 feet?",
                "Formula": "2*15=30",
                "Answer": "30 (feet)",
            },
        ],
        ["9", "30"],
    ),
    "mgsm": (
        "question",
        "answer_number",
        [
            {
                "question": "小红有3只鸡，又买了4只，一共多少只？",
                "answer": "步骤解答：3+4=7。答案是 7。",
                "answer_number": 7,
            },
            {"question": "两箱苹果共多少？", "answer": None, "answer_number": 34},
        ],
        ["7", "34"],
    ),
    "cmath": (
        "question",
        "golden",
        [
            {"grade": 1, "question": "小明有5个球，给了2个，还剩几个？", "golden": "3", "reasoning_step": 1},
            {"grade": 2, "question": "3.5加1是多少？", "golden": "4.5", "reasoning_step": 1},
        ],
        ["3", "4.5"],
    ),
    "gpqa": (
        "Question",
        "Correct Answer",
        [
            {"Question": "What is the gap?", "Correct Answer": "2 eV\n", "Explanation": "By the band."} | OF_GPQA,
            {"Question": "Which product forms?", "Correct Answer": "2-methylpropan-2-ol", "Explanation": "By SN1."}
            | OF_GPQA,
        ],
        ["2 eV", "2-methylpropan-2-ol"],
    ),
}


def as_jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))


def as_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def as_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


def read(path, question="question", answer="answer", key="data.probe"):
    return read_source(key, AnsweredRows(path=path.name, question=question, answer=answer), path.parent)


@pytest.mark.parametrize("write", [as_jsonl, as_csv, as_parquet])
@pytest.mark.parametrize("key", ["data.probe", "benchmarks.mine"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_benchmark_is_read_as_published_by_naming_its_columns(tmp_path, name, key, write):
    question, answer, rows, references = PUBLISHED[name]
    path = tmp_path / f"mine.{write.__name__.removeprefix('as_')}"
    write(path, rows)
    source = read(path, question, answer, key)
    assert [row["reference"] for row in source.rows] == references
    assert [row["source_row"] for row in source.rows] == list(range(len(rows)))
    assert source.unusable == {}


@pytest.mark.parametrize(
    "name", ["math/math_500", "math/gsm8k_benchmark", "math/gsm8k_probe", "topics/benchmark", "sums/benchmark"]
)
def test_the_shipped_benchmarks_are_read_whole_and_as_they_stand(name):
    path = DATA / f"{name}.jsonl"
    source = read(path)
    assert source.unusable == {}
    assert source.read_as == {"as it stands": len(path.read_text().splitlines())}


def test_class_labels_are_their_names(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"question": Value("string"), "answer": ClassLabel(names=["A", "B", "C", "D"])})
    data = Dataset.from_dict({"question": ["Which?", "And this?", "None?"], "answer": [0, 3, -1]}, features=features)
    data.to_parquet(tmp_path / "mine.parquet")
    data.save_to_disk(tmp_path / "mine")
    for name in ("mine", "mine.parquet"):
        source = read(tmp_path / name)
        assert [row["reference"] for row in source.rows] == ["A", "D"]
        assert source.unusable == {"no answer": 1}


def test_what_a_parquet_file_says_of_its_labels_may_be_anything(tmp_path):
    for said in (
        b"{",
        b"[]",
        b'{"info": 3}',
        b'{"info": {"features": {"answer": {"names": 3, "_type": "ClassLabel"}}}}',
    ):
        table = pa.Table.from_pylist([{"question": "Which?", "answer": 1}])
        pq.write_table(table.replace_schema_metadata({b"huggingface": said}), tmp_path / "mine.parquet")
        assert read(tmp_path / "mine.parquet").rows[0]["reference"] == "1"


@pytest.mark.parametrize("length", [131_073, 200_000, 3_000_000])
def test_a_long_field_of_a_csv_is_read(tmp_path, length):
    as_csv(tmp_path / "mine.csv", [{"question": "x" * length, "answer": "7"}])
    assert len(read(tmp_path / "mine.csv").rows[0]["question"]) == length


def test_a_conflict_is_told_apart_from_a_copy(tmp_path):
    answers = [
        ("a?", "1/2"),
        ("a?", "1/2"),
        ("a?", "\\frac{1}{2}"),
        ("a?", "3"),
        ("b?", ["4"]),
        ("b?", 4),
        ("b?", "5"),
    ]
    as_jsonl(tmp_path / "mine.jsonl", [{"question": q, "answer": a} for q, a in answers])
    source = read(tmp_path / "mine.jsonl")
    assert [(row["question"], row["reference"], row["source_row"]) for row in source.rows] == [
        ("a?", "1/2", 0),
        ("b?", "4", 4),
    ]
    assert source.unusable == {"repeated": 3, "the same question with another answer": 2}


def test_reasons_name_the_type(tmp_path):
    answers = ["7", 7.0, True, ["8"], {"value": 3}, [["1"], ["2"]], ["one", "two"], None, "", "9"]
    as_jsonl(tmp_path / "mine.jsonl", [{"question": f"q{n}?", "answer": a} for n, a in enumerate(answers)])
    source = read(tmp_path / "mine.jsonl")
    assert source.unusable == {
        "no answer": 2, "the answer is a dict": 1, "the answer is a list of lists": 1, "the answer is a list of 2": 1,
    }  # fmt: skip
    assert source.read_as == {"a boolean": 1, "a list of one": 1, "as it stands": 3}


def test_a_reason_that_names_a_type_names_the_column_that_reads_as_answers(tmp_path):
    answers = ["7", {"value": 3}, "9"]
    rows = [{"question": f"q{n}?", "answer": a, "final": str(n)} for n, a in enumerate(answers)]
    as_jsonl(tmp_path / "mine.jsonl", rows)
    assert read(tmp_path / "mine.jsonl").unusable == {"the answer is a dict; 'final' reads as answers": 1}


def rows_with(**columns):
    steps = "We count the edges one by one and then add them up again to be sure of it. " * 5
    made = {
        "question": lambda n: f"What is {n} + {n * n}?",
        "final": lambda n: str(n + n * n),
        "level": lambda n: "easy",
    }
    made |= {"worked": lambda n: f"{steps} So there are {n}."} | columns
    return [{name: make(n) for name, make in made.items()} for n in range(20)]


@pytest.mark.parametrize(
    ("answer", "make", "held"),
    [
        ("worked", None, "texts that state no answer"),
        ("question", None, "the questions"),
        ("again", lambda n: f" What is {n} + {n * n}?", "the questions"),
        ("unique_id", lambda n: f"test/algebra/{n}.json", "ids"),
        ("id", lambda n: n + 100, "ids"),
        ("idx", lambda n: str(n), "ids"),
        ("uuid", lambda n: f"0b8f2e9a-1c4d-4e5f-8a6b-{n:012x}", "ids"),
        ("parts", lambda n: {"value": n}, "no answers but a dict"),
        ("parts", lambda n: [["a", n], ["b"]], "no answers but a list of lists"),
        ("parts", lambda n: ["four", "4 apples", "IV"], "no answers but a list of 3"),
    ],
)
def test_a_column_that_cannot_be_references_is_refused_with_the_one_that_could(tmp_path, answer, make, held):
    as_jsonl(tmp_path / "mine.jsonl", rows_with(**({answer: make} if make else {})))
    with pytest.raises(BadInput) as refused:
        read(tmp_path / "mine.jsonl", answer=answer)
    expected = f"data.probe.answer = '{answer}': {tmp_path}/mine.jsonl holds {held} there; 'final' reads as answers"
    assert str(refused.value) == expected


def test_a_file_without_answers_is_refused_with_its_other_columns(tmp_path):
    rows = [{"question": f"{n}?", "worked": "we count and count " * 40, "note": None} for n in range(9)]
    as_jsonl(tmp_path / "mine.jsonl", rows)
    with pytest.raises(BadInput, match=r"states? no answer there; no other column reads as answers \(note\)$"):
        read(tmp_path / "mine.jsonl", answer="worked")


def test_answers_that_count_are_no_ids(tmp_path):
    as_jsonl(tmp_path / "mine.jsonl", [{"question": f"{n}+1", "answer": n + 1} for n in range(50)])
    assert len(read(tmp_path / "mine.jsonl").rows) == 50


def documents(folder, rows, **asked):
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read_documents("data.documents", Documents(path="texts.jsonl", text="text", **asked), folder)


def test_a_document_keeps_its_licence_and_its_row(tmp_path):
    rows = [{"text": " One.\nTwo. ", "terms": "CC0-1.0"}, {"text": "Three.", "terms": None}]
    assert documents(tmp_path, rows, licence="terms").rows == (
        {"text": "One.\nTwo.", "licence": "CC0-1.0", "source_row": 0},
        {"text": "Three.", "licence": None, "source_row": 1},
    )
    assert [row["licence"] for row in documents(tmp_path, rows).rows] == [None, None]


def test_what_is_no_document_is_counted_with_the_reason(tmp_path):
    rows = [{"text": "One."}, {"text": "One. "}, {"text": " "}, {"text": 7}, ["a list"], {"text": "\ud800"}, {}]
    found = documents(tmp_path, rows)
    assert len(found.rows) == 1
    assert found.unusable == {"no text": 3, "not Unicode": 1, "not a JSON object": 1, "repeated": 1}


def test_another_licence_column_is_another_source(tmp_path):
    rows = [{"text": "One.", "a": "CC0", "b": "MIT"}]
    assert documents(tmp_path, rows, licence="a").digest != documents(tmp_path, rows, licence="b").digest


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        ([{"body": "One."}], {}, r"has no column 'text'; it has body$"),
        ([{"text": "One."}], {"licence": "terms"}, r"has no column 'terms'; it has text$"),
        ([{"text": ""}], {}, r"has no usable row \(1 no text\); expected text in 'text'$"),
    ],
)
def test_a_file_without_documents_is_refused_in_one_line(tmp_path, rows, asked, said):
    with pytest.raises(BadInput, match=rf"^data\.documents: .*texts\.jsonl {said}"):
        documents(tmp_path, rows, **asked)
