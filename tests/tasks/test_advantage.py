"""The stage `advantage` on the tiny model: SeRL's two groups, and the orders in which the band may come."""

import math

import pytest

from schemas.advantages import ADVANTAGES
from schemas.attempts import ATTEMPTS
from schemas.contamination import CONTAMINATION
from schemas.errors import ValidationFailed
from schemas.losses import Policy
from schemas.posing import SuccessBand
from schemas.rewards import REWARDS
from schemas.selections import SELECTIONS
from tasks.advantage import advantage, token_advantages
from tasks.training.weights import load

REINFORCE = Policy(
    waves=1, steps=1, batch_size=8, rows_at_once=8, learning_rate=1e-4, schedule="constant", max_length=64,
    advantage="batch", filter="after", clip_low=0.2, clip_high=0.2, reduction="token",
)  # fmt: skip
FIVE, TWO, ALL = ([1.0] * n + [0.0] * (8 - n) for n in (5, 2, 8))


@pytest.fixture
def play(draft, given, tiny):
    """`groups`: question -> its attempts' rewards; `selected`: those in the band."""

    def run(
        groups,
        selected,
        settings=REINFORCE,
        text="#",
        finish="length",
        protected=(),
        reference=None,
        inputs=None,
        **more,
    ):
        attempts, judged = [], []
        for q, rewards in groups.items():
            for i, reward in enumerate(rewards):
                attempts.append(
                    {"id": f"{q}-{i}", "question_id": q, "sample": i, "num_planned": 8, "prompt": "1+2+3+4=\n"}
                    | {"text": text if isinstance(text, str) else text[i], "num_tokens": 1, "finish_reason": finish}
                    | {"checkpoint": tiny.digest}
                    | more
                )
                judged.append({"id": f"w-{q}-{i}", "row_id": f"{q}-{i}", "judge": "vote", "reward": reward})
        chosen = [
            {"id": f"s-{q}", "question_id": q, "verdict_id": f"v-{q}", "question": q, "answer": "3", "agreement": 0.5}
            for q in selected
        ]
        hits = [
            {"id": f"h-{q}", "row_id": q, "kind": "exact", "set_name": "probe", "protected_id": "p", "span": "1"}
            | {"score": 1.0}
            for q in protected
        ]
        figures = advantage(
            draft, settings=settings, model=tiny, reference=reference, samples=given(ATTEMPTS, attempts),
            rewards=given(REWARDS, judged), selections=given(SELECTIONS, chosen),
            contamination=given(CONTAMINATION, hits), **inputs or {},
        )  # fmt: skip
        rows = draft.read(draft.tables()["advantages"]).to_pylist()
        return (
            sorted(rows, key=lambda row: row["sample_id"]),
            draft.read(draft.tables()["dropped"]).to_pylist(),
            figures,
        )

    return run


def values(rows, question):
    """Advantage of a question's first and last attempt: one of reward 1, one of reward 0."""
    own = [row["advantages"][0] for row in rows if row["group"] == question]
    return own[0], own[-1]


def near(*expected):
    return pytest.approx(expected, abs=5e-6)


def test_a_group_off_the_band_counts_in_the_batch_and_is_not_kept(play):
    rows, _, figures = play({"q1": FIVE, "q2": TWO, "q3": ALL}, ["q1", "q2"])
    assert values(rows, "q1") == values(rows, "q2") == near(0.77460, -1.29099)
    assert {row["group"]: row["kept"] for row in rows} == {"q1": True, "q2": True, "q3": False}
    assert figures == {"samples": 24, "kept": 16}


def test_a_group_dropped_before_does_not_count(play):
    settings = REINFORCE.model_copy(update={"filter": "before"})
    rows, _, figures = play({"q1": FIVE, "q2": TWO, "q3": ALL}, ["q1", "q2"], settings)
    assert values(rows, "q1") == values(rows, "q2") == near(1.13389, -0.88192)
    assert figures == {"samples": 16, "kept": 16}


@pytest.mark.parametrize(
    ("advantage", "scale", "right", "wrong"),
    [
        ("group", "sample", 0.724569, -1.207615),
        ("group", "population", 0.774597, -1.290994),
        ("group", "none", 0.375, -0.625),
        ("leave_one_out", None, 3 / 7, -5 / 7),
    ],
)
def test_a_group_is_held_against_itself_alone(play, advantage, scale, right, wrong):
    settings = REINFORCE.model_copy(update={"advantage": advantage, "scale": scale})
    rows, dropped, figures = play({"q1": FIVE, "q2": TWO, "q3": ALL}, ["q1", "q2"], settings)
    assert values(rows, "q1") == near(right, wrong)
    assert {row["id"] for row in dropped} == {f"q3-{i}" for i in range(8)}
    assert {row["reason"] for row in dropped} == {"no_difference"}
    assert figures == {"samples": 16, "kept": 16}


def test_two_judges_rewards_are_added_and_undecided_if_either_is(play, given):
    settings = REINFORCE.model_copy(update={"advantage": "group", "scale": "none"})
    graded = [
        {"id": f"g-{i}", "row_id": f"q-{i}", "judge": "rubric", "reward": r} for i, r in enumerate((0.5, None, 1.0))
    ]
    rows, dropped, _ = play({"q": [1.0, 1.0, 0.0]}, ["q"], settings, inputs={"added": given(REWARDS, graded)})
    assert [row["reward"] for row in rows] == [1.5, 1.0]
    assert [(row["id"], row["reason"]) for row in dropped] == [("q-1", "no_reward")]


def test_all_samples_of_a_play_may_be_one_group(play):
    settings = REINFORCE.model_copy(update={"advantage": "group", "scale": "none"})
    rows, _, _ = play({"q1": [1.0, 0.0], "q2": [1.0, 1.0]}, ["q1", "q2"], settings, inputs={"one_group": True})
    assert {row["group"] for row in rows} == {"all"}
    assert [row["advantages"][0] for row in rows] == near(0.25, -0.75, 0.25, 0.25)


def test_what_is_masked_has_no_advantage_and_all_else_has_what_it_had(play, draft, tiny):
    settings = REINFORCE.model_copy(update={"advantage": "group", "scale": "none"})
    texts = ["1+2=3\n#3", "5+6", ""]
    rows, _, _ = play({"q": [1.0, 0.0, 0.0]}, ["q"], settings, texts, inputs={"masked": r"=(.*)\n"}, finish="stop")
    tokenizer = load(draft.checkpoint(tiny))[1]
    learnt = [
        tokenizer.decode([id for id, value in zip(row["completion_ids"], row["advantages"], strict=True) if value])
        for row in rows
    ]
    assert learnt[0].startswith("1+2=\n#3") and learnt[1].startswith("5+6")
    assert rows[0]["advantages"].count(0.0) == 1 and 0.0 not in rows[1]["advantages"] + rows[2]["advantages"]


@pytest.mark.parametrize(("filter", "samples"), [("after", 24), ("before", 16)])
def test_a_group_whose_mean_reward_is_off_the_band_is_not_kept(play, filter, samples):
    settings = REINFORCE.model_copy(update={"filter": filter})
    one = [1.0] + [0.0] * 7
    band = SuccessBand(above=0.125, below=1.0)
    rows, _, figures = play({"q1": FIVE, "q2": TWO, "q3": one}, ["q1", "q2", "q3"], settings, inputs={"band": band})
    assert {row["group"] for row in rows if row["kept"]} == {"q1", "q2"}
    assert figures == {"samples": samples, "kept": 16}


def test_where_all_are_unanimous_nothing_is_left_to_train_on_unless_a_kl_pulls(play, tiny):
    settings = REINFORCE.model_copy(update={"advantage": "leave_one_out"})
    rows, dropped, figures = play({"q1": ALL, "q2": ALL}, ["q1", "q2"], settings)
    assert (rows, len(dropped), figures) == ([], 16, {"samples": 0, "kept": 0})
    pulled = settings.model_copy(update={"kl": "loss", "kl_weight": 0.1, "reference": "base"})
    rows, dropped, _ = play({"q1": ALL}, ["q1"], pulled, reference=tiny)
    assert values(rows, "q1") == near(0, 0)
    assert dropped == []


def test_attempts_are_read_as_tokens_and_the_end_is_one_of_them_if_the_model_stopped(play):
    (row, *_), _, _ = play({"q": TWO}, ["q"], text="1+2=3\n3+3=6\n6+4=10\n#10", finish="stop")
    (cut, *_), _, _ = play({"q": TWO}, ["q"], text="1+2=3\n3+3=6\n6+4=10\n#10", finish="length")
    assert row["completion_ids"][:-1] == cut["completion_ids"]
    assert len(row["completion_ids"]) == len(row["old_logps"]) == len(row["advantages"]) == 23
    assert min(row["old_logps"]) > -4, "text and end are what the tiny model would say"


def test_attempts_longer_than_max_length_are_dropped_and_too_many_fail_the_round(play):
    settings, texts = REINFORCE.model_copy(update={"max_length": 15}), ["1+2=3"] * 6 + ["1+2=33"] * 2
    rows, dropped, figures = play({"q": TWO}, ["q"], settings, text=texts, finish="stop")
    assert {len(row["completion_ids"]) for row in rows} == {6}, "one that just fits is whole"
    assert [(row["reason"], row["figure"], row["threshold"]) for row in dropped] == [("too_long", 16, 15)] * 2
    assert figures["too_long"] == 2
    with pytest.raises(ValidationFailed, match=r"^train\.policy\.max_length = 9: 8 of 8 rows of attempts are longer"):
        play({"q": TWO}, ["q"], REINFORCE.model_copy(update={"max_length": 9}), text="1+2=3")


def test_the_sampled_tokens_are_valued_where_they_are_told(play):
    (row, *_), _, _ = play({"q": TWO}, ["q"], text="1+2=3", finish="stop", token_ids=[4, 5, 6, 2])
    assert row["completion_ids"] == [4, 5, 6, 2]


def test_an_attempt_without_a_reward_is_dropped_and_never_wrong(play):
    groups = {"q1": [1.0, 0.0, None], "q2": [1.0, None], "tied": [None] * 3}
    rows, dropped, _ = play(groups, ["q1", "q2"])
    without = {"q1-2": "no_reward", "q2-1": "no_reward"}
    assert [row["sample_id"] for row in rows] == ["q1-0", "q1-1", "q2-0"], "the batch is there to hold q2-0 against"
    assert {row["id"]: row["reason"] for row in dropped} == without
    rows, dropped, _ = play(groups, ["q1", "q2"], REINFORCE.model_copy(update={"advantage": "leave_one_out"}))
    assert [row["sample_id"] for row in rows] == ["q1-0", "q1-1"]
    assert {row["id"]: row["reason"] for row in dropped} == without | {"q2-0": "no_group"}


def test_a_question_that_repeats_a_protected_row_has_no_rows(play):
    rows, _, _ = play({"q1": FIVE, "q2": TWO}, ["q1"], protected=["q2"])
    assert {row["group"] for row in rows} == {"q1"}


def test_a_reference_that_is_the_policy_pulls_nowhere(play, tiny):
    settings = REINFORCE.model_copy(update={"kl": "reward", "kl_weight": 0.5, "reference": "champion"})
    rows, _, _ = play({"q1": FIVE, "q2": TWO, "q3": ALL}, ["q1", "q2"], settings, reference=tiny)
    assert all(row["reference_logps"] == row["old_logps"] for row in rows)
    assert values(rows, "q1") == near(0.77460, -1.29099)


def rows_of(*attempts):
    """(question, reward, k1 of each token) an attempt."""
    return [
        {
            "group": q,
            "reward": reward,
            "old_logps": [-1.0 for _ in kl],
            "reference_logps": [-1.0 - k for k in kl],
        }
        for q, reward, kl in attempts
    ]


def test_a_kl_in_the_reward_is_the_tokens_own_in_a_batch_and_summed_in_a_group():
    rows = rows_of(("q", 1.0, [0.5, 0.25]), ("q", 0.0, [1.0]))
    pull = {"kl": "reward", "kl_weight": 0.1, "reference": "base"}
    returns = [1 - 0.075, 1 - 0.025, -0.1]
    mean = sum(returns) / 3
    deviation = math.sqrt(sum((value - mean) ** 2 for value in returns) / 3)
    found = token_advantages(REINFORCE.model_copy(update=pull), rows)
    assert [value for row in found for value in row] == pytest.approx([(r - mean) / deviation for r in returns])
    rloo = token_advantages(REINFORCE.model_copy(update=pull | {"advantage": "leave_one_out"}), rows)
    assert rloo == [pytest.approx([1.025, 1.025]), pytest.approx([-1.025])]
    in_the_loss = REINFORCE.model_copy(update=pull | {"kl": "loss", "advantage": "leave_one_out"})
    assert token_advantages(in_the_loss, rows) == [[1.0, 1.0], [-1.0]]


def test_columns_have_a_value_a_completion_token(play):
    rows, _, _ = play({"q": TWO}, ["q"], text="1+2=3", finish="stop")
    for row in rows:
        lengths = {len(row[name]) for name in ("completion_ids", "old_logps", "advantages")}
        assert lengths == {6}
        assert row["id"].startswith(ADVANTAGES.name)
