"""The shipped tiny model and its sums are what scripts/make_tiny_model.py says they are."""

from __future__ import annotations

import json
import random
from itertools import combinations

import pytest

from .loading import load

script = load("make_tiny_model")


def rows(split: str) -> list[dict[str, str]]:
    text = (script.DATA_FOLDER / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def sorted_digits(question: str) -> str:
    return "+".join(sorted(question.split("+")))


@pytest.fixture(scope="module")
def questions() -> dict[str, list[str]]:
    """Every shipped split, and what the base model was trained on."""
    shipped = {split: [row["question"] for row in rows(split)] for split in script.SIZES}
    return {**shipped, "training": script.training_problems()}


def test_the_splits_share_no_question_in_any_order_of_its_digits(questions: dict[str, list[str]]) -> None:
    for one, other in combinations(questions, 2):
        assert not set(questions[one]) & set(questions[other])
        assert not set(map(sorted_digits, questions[one])) & set(map(sorted_digits, questions[other])), (one, other)


def test_the_splits_are_whole_and_repeat_nothing(questions: dict[str, list[str]]) -> None:
    for split, num_problems in script.SIZES.items():
        assert len(questions[split]) == len(set(questions[split])) == num_problems
        assert questions[split] == script.problems(split, num_problems)


@pytest.mark.parametrize("split", ["seeds", "probe", "benchmark", "sealed", "gold"])
def test_every_shipped_answer_is_right(split: str) -> None:
    for row in rows(split):
        assert row["answer"] == str(eval_sum(row["question"]))


def test_every_gold_solution_is_worked_out_as_the_model_writes() -> None:
    found = rows("gold")
    for row in found:
        *steps, last = row["solution"].split("\n")
        assert last == f"#{row['answer']}" and len(steps) == row["question"].count("+")
        assert all(eval(step.replace("=", "==")) for step in steps)
    assert len({row["solution"].split("+")[0] == row["question"][0] for row in found}) == 2, "in any order"


def eval_sum(question: str) -> int:
    digits = question.split("+")
    assert 4 <= len(digits) <= 6 and all(digit in "123456789" and len(digit) == 1 for digit in digits)
    return sum(map(int, digits))


def test_a_solution_adds_every_number_once_and_orders_differ() -> None:
    rng = random.Random(1)
    solutions = {script.solution("3+5+2+7", rng) for _ in range(50)}
    assert len(solutions) > 10
    for solution in solutions:
        *steps, last = solution.split("\n")
        assert last == "#17" and len(steps) == 3
        used = [steps[0].split("+")[0]] + [step.split("+")[1].split("=")[0] for step in steps]
        assert sorted(used) == ["2", "3", "5", "7"]


def test_the_shipped_model_is_small_and_loads() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert sum(path.stat().st_size for path in script.MODEL_FOLDER.iterdir()) < 2_000_000
    model = AutoModelForCausalLM.from_pretrained(script.MODEL_FOLDER)
    tokenizer = AutoTokenizer.from_pretrained(script.MODEL_FOLDER)
    assert model.num_parameters() == 95_744
    assert str(model.dtype) == "torch.float32"
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id


def test_the_shipped_tokenizer_gives_the_text_back() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(script.MODEL_FOLDER)
    for text in ("3+5+2+7=\n3+5=8\n\n#17;", "1. 3+5+2+7\n2.  8 +1.\n3.", " \n \n"):
        tokens = tokenizer(text)["input_ids"]
        assert len(tokens) == len(text)  # a token a character, nothing added in front
        assert tokenizer.decode(tokens) == text
        assert tokenizer.decode(tokens, skip_special_tokens=True) == text.replace(";", "")


def test_the_shipped_model_solves_most_but_not_all() -> None:
    """Room for self-training: a base that is right always, or never, could not be improved by its own votes."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(script.MODEL_FOLDER)
    tokenizer = AutoTokenizer.from_pretrained(script.MODEL_FOLDER)
    assert 0.5 < script.greedy_accuracy(model, tokenizer, script.problems("benchmark", 500)) < 0.9
