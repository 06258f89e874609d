"""Trajectories of four first solutions, row by row."""

import pytest

from schemas.attempts import ATTEMPTS
from schemas.correcting import Mend, Verify
from schemas.inputs import GOLD
from schemas.revisions import REVISIONS
from schemas.rewards import REWARDS
from schemas.settings import Sampling
from tasks.mend import mend
from tasks.prompts import load_prompt

WORDS = Verify(
    prompt="verify_sums", num_samples=1, solutions_per_shard=1, right="1", wrong="2",
    sampling=Sampling(temperature=1.0, max_tokens=1),
)  # fmt: skip
WRITTEN = {"num_tokens": 1, "finish_reason": "stop", "checkpoint": "c", "prompt": "1+2=\n"}


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    def run(attempts, verdicts, revisions, doubted_share=0.0):
        """Of each attempt at 1+2: its text, the verdicts and second solutions that were sampled."""
        gold = [{"id": "g", "question": "1+2", "prompt": "1+2=\n", "completion": "#3", "source_row": 0}]
        own = [
            {"id": f"a{i}", "question_id": "g", "sample": i, "num_planned": 4, "text": text} | WRITTEN
            for i, text in enumerate(attempts)
        ]
        rewards = [
            {"id": f"r{i}", "row_id": f"a{i}", "judge": "reference", "reward": float("#3" in text.split("\n2\n")[-1])}
            for i, text in enumerate(attempts)
        ]
        said, again = (
            [
                {"id": f"{name}{i}-{j}", "attempt_id": f"a{i}", "sample": j, "text": text}
                | WRITTEN
                | {"verdict_id": of}
                for i, texts in enumerate(rows)
                for j, text in enumerate(texts)
            ]
            for name, rows, of in (("v", verdicts, None), ("s", revisions, "v"))
        )
        figures = mend(
            draft, settings=Mend(doubted_share=doubted_share, pairs_per_question=1), checks=recipe.answers,
            words=WORDS, plain=load_prompt("solve_sums", tmp_path), base=tiny, gold=given(GOLD, gold),
            attempts=given(ATTEMPTS, own), rewards=given(REWARDS, rewards), verdicts_of=given(REVISIONS, said),
            revisions=given(REVISIONS, again),
        )  # fmt: skip
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def test_a_wrong_first_solution_is_context_and_a_right_one_is_learned(play):
    figures, tables = play(["1+1=3\n#4", "1+2=3\n#3"], [["2"], ["2", "1"]], [["#5", "2+1=3\n#3\n1"], ["#3"]])
    assert figures["trajectories"] == {"D1": 1, "D2": 0, "D3": 1}
    rows = {row["attempt_id"]: (row["prompt"], row["completion"]) for row in tables["sft_examples"]}
    assert rows == {
        "s0-1": ("1+2=\n1+1=3\n#4", "\n2\n2+1=3\n#3"), "v1-1": ("1+2=\n", "1+2=3\n#3\n1"),
    }  # fmt: skip
    (pair,) = tables["preference_pairs"]
    assert (pair["chosen"], pair["rejected"]) == ("1+2=3\n#3", "1+1=3\n#4")


def test_a_right_one_is_doubted_if_its_share_says_so_and_the_second_is_right_too(play):
    figures, tables = play(["#4", "#3", "0+3=3\n#3"], [["2"], ["2", "1"], ["2"]], [["#3"], ["#3"], ["#4"]], 1.0)
    assert figures["trajectories"] == {"D1": 1, "D2": 1, "D3": 0}
    assert ("1+2=\n", "#3\n2\n#3") in {(row["prompt"], row["completion"]) for row in tables["sft_examples"]}
    assert [(row["id"], row["reason"]) for row in tables["dropped"]] == [("a2", "no_trajectory")]


def test_there_are_as_many_of_wrong_first_solutions_as_of_right_ones(play):
    figures, tables = play(["#4", "#3", "0+3=3\n#3"], [["2"], ["1"], ["1"]], [["#3"], [], []])
    assert figures["trajectories"] == {"D1": 1, "D2": 0, "D3": 2} and len(tables["sft_examples"]) == 2
    (dropped,) = tables["dropped"]
    assert (dropped["reason"], dropped["table"]) == ("surplus", "attempts")


def test_the_verdict_that_an_attempt_already_has_is_no_part_of_its_first_solution(play):
    _, tables = play(["#4\n2\n#3", "#3\n1"], [["2"], ["1"]], [["#3"], []])
    rows = {(row["prompt"], row["completion"]) for row in tables["sft_examples"]}
    assert rows == {("1+2=\n#4", "\n2\n#3"), ("1+2=\n", "#3\n1")}
    assert tables["preference_pairs"] == [], "both end right"


def test_a_spelled_control_token_in_a_wrong_solution_is_text(play):
    _, tables = play([";#4", "#3"], [["2"], ["1"]], [["#3"], []])
    spelled = next(row for row in tables["sft_examples"] if ";" in row["prompt"])
    assert spelled["prompt_ids"] is not None
