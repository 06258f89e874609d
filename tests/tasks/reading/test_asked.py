"""Claims about what is asked: nothing of an answer, a solution, a remark or another task stays with a question."""

import pytest

from schemas.settings import RuleFilters
from tasks.reading.asked import question_alone
from tasks.reading.proposals import form_rules, parse_numbered_list
from tasks.rules import first_refusal

ANY = RuleFilters(
    min_words=0, max_words=10**6, keywords=(), forbid_programs=False, forbid_leading_punctuation=False,
    forbid_leading_nonascii=False,
)  # fmt: skip
CUBE = "How many edges has a cube?"


@pytest.mark.parametrize(
    "behind",
    [
        "\n\nSolution: 12, since 4+4+4.",
        "\nSolution: 12",
        "\n**Solution:** 12",
        "\n\n**Solution**\nWe count 12.",
        "\n### Solution\n12",
        "\nAnswer: 12",
        " Answer: 12",
        " (Answer: 12)",
        " [Ans: 12]",
        "\n**Answer:** 12",
        " **Answer:** 12",
        "\nFinal answer: 12",
        "\nAnswer 9: 12",
        "\nA: 12",
        " A: 12",
        "\nExplanation: 4 on each side.",
        "\nHint: count those above.",
        "\nLet's solve it. There are 12.",
        "\n\nTo solve this, count.",
        "\n#### 12",
        " #### 12",
        "\n\\boxed{12}",
        " $\\boxed{12}$",
        "\n\\[\n\\boxed{12}\n\\]",
        "\nThe answer is 12.",
        " The answer is 12.",
        "\nSo the answer is 12.",
        "\nStep 1: Count the edges.",
        " 12",
        "\n12",
        "\n**12**",
        " => 12",
        "\n\nA cube has 12 edges.",
        "\n\n1. Count the edges.\n2. Add them.",
        "\n\nLet me know if you want more!",
        "\n答案：12",
        "\n【答案】12",
        "\n解：共12条",
        "\nRespuesta: 12",
        "\nRéponse : 12",
        "\nLösung: 12",
        "\nОтвет: 12",
        "\n정답: 12",
    ],
)
def test_a_question_does_not_carry_its_answer(behind):
    assert parse_numbered_list(f" {CUBE}{behind}", 9) == [CUBE]


@pytest.mark.parametrize(
    "behind",
    [
        "\n\nHow many faces has a prism?",
        "\nHow many faces has a prism?",
        "\n\nSolve 5x = 20 for x.",
        "\n\nNext problem: How many faces has a prism?",
        "\nAnother question:\nHow many?",
        "\nProblem 3: How many?",
        "\n\n---\n\nA farmer has 3 cows.",
        "\nQuestion: How many faces has a prism?",
    ],
)
def test_two_tasks_are_not_one(behind):
    assert parse_numbered_list(f" {CUBE}{behind}", 9) == [CUBE]


@pytest.mark.parametrize(
    "text",
    [
        "Solve x^2 = 2. Give your answer as a fraction.",
        "Why is 7 a prime? Explain your solution.",
        "Is 7 a prime? Answer: yes or no?",
        "I double a number and add 2. The answer is 20. Which number is it?",
        "Solution A has 5% salt and solution B has 7% salt. How many liters of each make 6%?",
        "Find the area. Round your answer to the nearest tenth.",
        "What is the mean of these numbers? 3, 5, 7",
        "The answer to a riddle is 12. What is half of it?",
        "What is the smallest number in this list? 4, 9, 2",
        "Which is larger? A: 3/4 B: 4/5",
        "How many solutions has x^2 = 4? Write the number inside \\boxed{}.",
        "Ann's answer is 12 and Bob's is 13. Who is right if 3 + 9 is asked?",
        "A cube has edge 3. Question 2 of a test asks for its volume. What is it?",
    ],
)
def test_words_that_belong_to_the_question_stay(text):
    assert question_alone(text) == text
    assert first_refusal(form_rules(text, ANY)) is None


@pytest.mark.parametrize(
    "text",
    [
        "What is 3+4? It is <<3+4=7>>7 in all.",
        "Show that the sum, \\boxed{7}, is odd.",
        "Add 3 and 4 for #### 7 points",
    ],
)
def test_an_answer_in_the_midst_drops_the_question(text):
    assert first_refusal(form_rules(text, ANY)) == ("answered", 1, 0, "dropped")


def test_a_mark_within_code_is_no_mark():
    code = "What does this print?\n```\n# Answer: below\nprint(3)\n```"
    assert question_alone(code) == code


def test_paragraphs_that_go_on_with_the_question_stay():
    for more in ("Give your answer in simplest form.", "(A) 3", "where $x > 0$.", "$$x + y = 3$$", "| a | b |"):
        text = f"Find x.\n\n{more}"
        assert question_alone(text) == text
