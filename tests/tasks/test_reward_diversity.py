import pytest

from schemas.inputs import SEEDS
from schemas.manifest import ValidRows
from schemas.posing import RewardDiversity
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from tasks.reward_diversity import reward_diversity


def question(name, text):
    return {"id": f"q-{name}", "proposal_id": name, "item": 0, "position": 0, "question": text, "nearest_score": 0.0}


@pytest.fixture
def play(draft, given):
    def run(texts, weight=1.0, pool=()):
        """texts: proposal -> its question, or None."""
        draft.written = set()
        proposals = [
            {"id": name, "wave": 0, "prompt_index": 0, "shown_ids": ["s"], "prompt": "?", "text": "?"}
            | {"num_tokens": 1, "finish_reason": "stop"}
            for name in texts
        ]
        known = given(QUESTIONS, [question(f"k{i}", text) for i, text in enumerate(pool)])
        figures = reward_diversity(
            draft, settings=RewardDiversity(weight=weight), proposals=given(PROPOSALS, proposals),
            questions=given(QUESTIONS, [question(name, text) for name, text in texts.items() if text]),
            seeds=given(SEEDS, [{"id": "s", "question": "What is 1 + 1?", "source_row": 0}]),
            pool=ValidRows(tables=(known,) if pool else (), dropped=()),
        )  # fmt: skip
        rows = draft.read(draft.tables()["rewards"]).to_pylist()
        assert {row["judge"] for row in rows} == {"diversity"}
        return figures, {row["row_id"]: row["reward"] for row in rows}

    return run


TEXTS = {"sum": "What is 1 + 2?", "circle": "Find the area of a circle of radius 3.", "none": None}


def test_what_is_like_a_seed_earns_less_and_what_is_no_question_nothing(play):
    figures, earned = play(TEXTS)
    assert 0 == earned["none"] < earned["sum"] < earned["circle"]
    assert figures["mean_diversity"] == pytest.approx((earned["sum"] + earned["circle"]) / 2)


def test_a_copy_of_what_the_pool_holds_earns_less_than_before(play):
    before, after = play(TEXTS)[1], play(TEXTS, pool=["Find the area of a circle of radius 4."])[1]
    assert after["circle"] < before["circle"]


def test_at_weight_0_it_is_measured_and_not_paid(play):
    (whole, _), (without, earned) = play(TEXTS), play(TEXTS, weight=0.0)
    assert set(earned.values()) == {0} and without == whole
