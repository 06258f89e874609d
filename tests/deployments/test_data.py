"""The data that ships with the recipes: counts, and files that share no question."""

import hashlib
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "deployments" / "data"
ROWS = {
    "math/seeds.jsonl": 500,
    "math/seeds_short.jsonl": 417,
    "math/gsm8k_probe.jsonl": 100,
    "math/gsm8k_benchmark.jsonl": 1219,
    "math/math_500.jsonl": 500,
    "topics/seeds.jsonl": 116,
    "topics/probe.jsonl": 100,
    "topics/benchmark.jsonl": 179,
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def questions(name: str) -> list[str]:
    return [row["question"] for row in rows(name)]


def by_sha256(texts: list[str]) -> list[str]:
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).hexdigest())


@pytest.mark.parametrize(("name", "count"), ROWS.items())
def test_each_file_has_its_rows_each_with_a_question_an_answer_and_a_source(name: str, count: int) -> None:
    found = rows(name)
    assert len(found) == len({row["question"] for row in found}) == len({row["source"] for row in found}) == count
    assert all(row["question"].strip() and str(row["answer"]).strip() for row in found)


def test_the_probe_is_the_100_gsm8k_rows_with_the_smallest_hash_and_left_the_benchmark() -> None:
    probe, benchmark = questions("math/gsm8k_probe.jsonl"), questions("math/gsm8k_benchmark.jsonl")
    assert set(probe).isdisjoint(benchmark)
    assert set(probe) == set(by_sha256(probe + benchmark)[:100])


@pytest.mark.parametrize(
    "names",
    [
        ("math/seeds.jsonl", "math/gsm8k_probe.jsonl", "math/gsm8k_benchmark.jsonl", "math/math_500.jsonl"),
        ("topics/seeds.jsonl", "topics/probe.jsonl", "topics/benchmark.jsonl"),
    ],
)
def test_seeds_probe_and_benchmark_share_no_question(names: tuple[str, ...]) -> None:
    for one, other in combinations(names, 2):
        assert set(questions(one)).isdisjoint(questions(other)), (one, other)


def test_the_short_seeds_are_seeds_that_fit_a_small_prompt() -> None:
    short = [
        row for row in rows("math/seeds.jsonl") if len(row["question"]) <= 300 and "[asy]" not in row["question"]
    ]
    assert rows("math/seeds_short.jsonl") == short


def test_topics_come_from_the_seeds_and_from_math_500_with_maths_own_labels() -> None:
    fields = {
        "Algebra": "algebra",
        "Intermediate Algebra": "algebra",
        "Geometry": "geometry",
        "Number Theory": "number theory",
        "Counting & Probability": "probability",
    }
    for name, source in {
        "topics/seeds.jsonl": "math/seeds.jsonl",
        "topics/probe.jsonl": "math/seeds.jsonl",
        "topics/benchmark.jsonl": "math/math_500.jsonl",
    }.items():
        subjects = {row["question"]: row["subject"] for row in rows(source)}
        assert all(fields[subjects[row["question"]]] == row["answer"] for row in rows(name)), name


def test_no_field_fills_more_than_two_fifths_of_the_topics_benchmark() -> None:
    fields = Counter(row["answer"] for row in rows("topics/benchmark.jsonl"))
    assert max(fields.values()) <= 0.4 * sum(fields.values())


@pytest.mark.parametrize("name", ["math/LICENSE-MATH", "math/LICENSE-GSM8K", "topics/LICENSE-MATH"])
def test_the_licences_travel_with_the_data(name: str) -> None:
    text = (DATA / name).read_text(encoding="utf-8")
    assert text.startswith("MIT License\n\nCopyright (c) 2021 ")


def test_known_sums_are_half_of_each_label_by_their_length_and_share_no_question() -> None:
    sizes = {"seeds": 200, "probe": 100, "benchmark": 2000, "sealed": 1000}
    found = {name: rows(f"known_sums/{name}.jsonl") for name in sizes}
    for name, size in sizes.items():
        numbers = {"0": {4, 5, 6}, "9": {7, 8, 9}}
        assert all(len(row["question"].split("+")) in numbers[row["answer"]] for row in found[name])
        assert Counter(row["answer"] for row in found[name]) == {"0": size // 2, "9": size // 2}
    every = [row["question"] for each in found.values() for row in each]
    assert len(set(every)) == len(every)


def test_every_solved_sum_is_right_stands_once_and_is_free_to_use() -> None:
    found = rows("solved_sums/documents.jsonl")
    assert len(found) == len({row["text"] for row in found}) == 9**2 + 9**3
    for row in found:
        numbers, _, total = row["text"].partition("=")
        assert sum(map(int, numbers.split("+"))) == int(total) and row["licence"] == "CC0-1.0"
