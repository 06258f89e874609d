import pytest

from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.posing import RewardProposer
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.rewards import REWARDS
from schemas.verdicts import VERDICTS
from tasks.reward_proposer import reward_proposer

SETTINGS = RewardProposer(reward="gaussian_of_variance", invalid=-0.1)


def verdict(question, votes, undecided=0, valid=4):
    return {
        "id": f"v-{question}", "question_id": question, "answer": "7", "votes": votes, "num_attempts": 4,
        "num_planned": 4, "num_valid": valid, "agreement": votes / 4, "agreement_valid": votes / valid, "classes": [],
        "tied": False, "undecided": undecided,
    }  # fmt: skip


@pytest.fixture
def play(draft, given):
    def run(marks, refused=(), votes=None, settings=SETTINGS, valid=4):
        """marks: proposal -> rewards of the attempts at its question; refused: proposal -> reason; valid: answers of
        each question."""
        ruled = [verdict(f"q-{name}", n, valid=valid) for name, n in (votes or {}).items()]
        refused = dict(refused)
        proposals = [
            {"id": name, "wave": 0, "prompt_index": 0, "shown_ids": ["d"], "prompt": "?", "text": "?"}
            | {"num_tokens": 1, "finish_reason": "stop"}
            for name in (*marks, *refused)
        ]
        questions = [
            {"id": f"q-{name}", "proposal_id": name, "item": 0, "position": i, "question": name, "nearest_score": 0.0}
            for i, name in enumerate(marks)
        ]
        attempts = [
            {
                "id": f"{name}-{i}",
                "question_id": f"q-{name}",
                "sample": i,
                "num_planned": 4,
                "prompt": "?",
                "text": "#1",
            }
            | {"num_tokens": 1, "finish_reason": "stop", "checkpoint": "c"}
            for name, of in marks.items()
            for i in range(len(of))
        ]
        rewards = [
            {"id": f"r-{name}-{i}", "row_id": f"{name}-{i}", "judge": "reference", "reward": reward}
            for name, of in marks.items()
            for i, reward in enumerate(of)
        ]
        dropped = [draft.refused(f"q-{name}", QUESTIONS, why, parents=[name]) for name, why in refused.items()]
        figures = reward_proposer(
            draft, settings=settings, proposals=given(PROPOSALS, proposals), questions=given(QUESTIONS, questions),
            dropped=given(DROPPED, dropped), attempts=given(ATTEMPTS, attempts), rewards=given(REWARDS, rewards),
            verdicts=given(VERDICTS, ruled) if ruled else None,
        )  # fmt: skip
        rows = draft.read(draft.tables()["rewards"]).to_pylist()
        assert {row["judge"] for row in rows} <= {"solver"}
        return figures, {row["row_id"]: row["reward"] for row in rows}

    return run


def test_a_proposal_earns_what_the_solvers_success_at_its_question_is_worth(play):
    figures, earned = play({"hard": [0, 0, 0, 0], "even": [1, 0, 1, 0], "easy": [1, 1, 1, 0]})
    assert earned["hard"] == pytest.approx(0.0439, abs=5e-5)
    assert (earned["even"], earned["easy"]) == (1.0, pytest.approx(0.8226, abs=5e-5))
    assert figures["mean_success"] == pytest.approx((0 + 0.5 + 0.75) / 3) and figures["invalid"] == 0


def test_a_proposal_without_a_question_costs(play):
    figures, earned = play({"even": [1, 0]}, {"bad": "unreadable", "told": "leaks_answer"})
    assert (earned["bad"], earned["told"]) == (-0.1, -0.1)
    assert figures["invalid"] == 2 and figures["mean_reward"] == pytest.approx((1 - 0.2) / 3)


def test_what_is_undecided_counts_neither_way(play):
    assert play({"even": [1, 0, None, None], "open": [None, None]})[1] == {"even": 1.0, "open": None}


def test_a_question_that_repeats_a_protected_row_earns_nothing_at_all(play):
    figures, earned = play({}, {"bench": "contaminated_exact"})
    assert earned == {"bench": None}
    assert figures == {"mean_success": None, "mean_reward": None, "invalid": 0}


def test_by_votes_a_question_pays_unless_all_agree_or_all_differ_and_no_question_is_not_trained_on(play):
    by_votes = RewardProposer(reward="neither_all_nor_none")
    votes = {"four": 4, "three": 3, "two": 2, "one": 1}
    figures, earned = play(dict.fromkeys(votes, ()), {"bad": "unreadable"}, votes, by_votes)
    assert earned == {"four": 0, "three": 1, "two": 1, "one": 0, "bad": None}
    assert figures["mean_success"] == (1 + 3 / 4 + 2 / 4 + 0) / 4


def test_the_tent_is_over_the_votes_of_those_that_answered_and_length_pays_beside_it(play):
    settings = RewardProposer(reward="tent", length=2, invalid=-0.1)
    marks = dict.fromkeys(("all", "two", "one"), (1, 1, 1, 1))  # of one token each
    _, earned = play(marks, {"bad": "unreadable"}, {"all": 3, "two": 2, "one": 1}, settings, valid=3)
    share = 1 / 2 + 1 / 2 * (1 - (0.7 - 2 / 3) / 0.2)  # 2 of 4 attempts, and 3 of them, lie between the ends
    assert earned == {"all": 0.5, "two": pytest.approx(0.5 + share), "one": 0.5, "bad": -0.1}
