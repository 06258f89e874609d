import math
import random

import pytest
from scipy.spatial.distance import jensenshannon

from schemas.attempts import ATTEMPTS
from schemas.questions import QUESTIONS
from tasks.audit.drift import by_chance, drifts, jensen_shannon
from tasks.store.naming import open_round


def question(number, text):
    return {
        "id": f"questions-{number}", "proposal_id": "p", "item": 0, "position": number, "question": text,
        "nearest_score": 0.0, "nearest_id": None,
    }  # fmt: skip


def attempt(number, question, num_tokens):
    return {
        "id": f"attempts-{number:05d}", "question_id": question, "sample": 0, "num_planned": 1, "prompt": "p",
        "text": "t", "num_tokens": num_tokens, "finish_reason": "stop", "checkpoint": "c",
    }  # fmt: skip


def drift_of(rounds, column):
    found = drifts(open_round(rounds.store, "1"), open_round(rounds.store, "2"))
    return next(drift for drift in found if drift.column == column)


@pytest.mark.parametrize("seed", range(20))
def test_the_divergence_is_scipys(seed):
    rng = random.Random(seed)
    p, q = ([rng.random() * (rng.random() < 0.7) + (i == 0) for i in range(8)] for _ in range(2))
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    ours = jensen_shannon(dict(enumerate(p)), {i: x for i, x in enumerate(q) if x})
    assert ours == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)


def test_the_divergence_is_0_for_equal_1_for_disjoint_and_symmetric():
    a, b = {"x": 0.25, "y": 0.75}, {"x": 0.5, "z": 0.5}
    assert jensen_shannon(a, a) == 0
    assert jensen_shannon(a, {"z": 1.0}) == 1
    assert jensen_shannon(a, b) == jensen_shannon(b, a)


def test_what_chance_shows_is_what_samples_of_one_distribution_show():
    shares, n, m = {k: w / 55 for k, w in enumerate(range(1, 11))}, 400, 900
    rng = random.Random(7)

    def sample(size):
        drawn = rng.choices(list(shares), list(shares.values()), k=size)
        return {k: drawn.count(k) / size for k in shares}

    seen = [jensen_shannon(sample(n), sample(m)) for _ in range(300)]
    assert sum(seen) / len(seen) == pytest.approx(by_chance(10, n, m), rel=0.1)


def test_lengths_of_questions_drift_when_they_grow_and_not_when_they_are_only_others(rounds):
    rng = random.Random(3)
    for mean in (30, 30, 45):
        rows = [question(n, "x" * max(1, round(rng.gauss(mean, 5)))) for n in range(600)]
        rounds.publish("promoted", tables={"questions": [rounds.table(QUESTIONS, rows)]})
    one, two, three = (open_round(rounds.store, str(n)) for n in (1, 2, 3))
    alike, grown = drifts(one, two)[0], drifts(two, three)[0]
    assert alike.column == grown.column == "questions.question"
    assert alike.drift < 3 * alike.by_chance
    assert grown.drift > 20 * grown.by_chance
    assert grown.before["n"] == 600
    assert grown.before["mean"] == pytest.approx(30, abs=1)
    assert grown.after["median"] == pytest.approx(45, abs=1)
    assert grown.after["p10"] < grown.after["median"] < grown.after["p90"]


def test_chance_is_reckoned_from_questions_not_from_their_many_attempts(rounds):
    for tokens in (10, 11):
        rows = [attempt(n, f"q{n % 5}", tokens + n % 3) for n in range(50)]
        rounds.publish("promoted", tables={"attempts": [rounds.table(ATTEMPTS, rows)]})
    drift = drift_of(rounds, "attempts.num_tokens")
    assert drift.by_chance == pytest.approx(by_chance(4, 5, 5))
    # 10, 11, 12 against 11, 12, 13, in thirds (17, 17, 16 of 50)
    p, q = [17, 17, 16, 0], [0, 17, 17, 16]
    assert drift.drift == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_a_round_without_rows_has_no_drift_and_says_so(rounds):
    rounds.publish("failed")
    rounds.publish("promoted", tables={"questions": [rounds.table(QUESTIONS, [question(1, "a")])]})
    drift = drift_of(rounds, "questions.question")
    assert (drift.before, drift.drift, drift.by_chance) == (None, None, None)
    assert drift.after["n"] == 1
    assert drift_of(rounds, "dropped.reason").drift is None


def test_reasons_drift_by_their_shares_not_by_their_number(rounds):
    rounds.publish("promoted", dropped={"tie": 10, "too_long": 30})
    rounds.publish("promoted", dropped={"tie": 100, "too_long": 300})
    rounds.publish("promoted", dropped={"tie": 30, "surplus": 10})
    assert drift_of(rounds, "dropped.reason").drift == 0
    last = drifts(open_round(rounds.store, "2"), open_round(rounds.store, "3"))[-1]
    assert last.before == {"tie": 0.25, "too_long": 0.75}
    assert last.drift == pytest.approx(jensenshannon([1, 3, 0], [3, 0, 1], base=2) ** 2)
    assert not math.isnan(last.by_chance)
