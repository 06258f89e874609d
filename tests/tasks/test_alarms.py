import dataclasses
import time

import pytest

from schemas.alarms import Alarms, Measured, Rules
from schemas.answers import ANSWERS
from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.inputs import PROBE, SEEDS
from schemas.manifest import ValidRows
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Vote
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.alarms import alarms
from tasks.audit.alarms import alarms_of
from tasks.prompts import load_prompt
from tasks.propose import propose
from tasks.roles import Role
from tasks.vote import vote

COLLAPSED = [
    *("vote_precision", "reward_hacking", "unanimous", "answer_entropy", "same_answer"),
    *("read_from_prose", "distinct_2", "near_duplicates", "length_drift", "other_tokens", "dropped"),
]
LOST = ["truncated", "unanswered", "contradicting"]


def watched(draft, settings, tables, earlier=()):
    watches = alarms_of(ref.table for ref in tables)
    rules = Rules(of={watch.__name__: getattr(settings, watch.__name__) for watch in watches})
    return alarms(draft, settings=rules, watches=watches, tables=tables, earlier=earlier)


def verdict(number, table=VERDICTS, votes=7, **changes):
    classes = [{"answer": str(number), "count": votes}] + [{"answer": "x", "count": 8 - votes}] * (votes < 8)
    return {
        "id": f"{table.name}-{number:05}", "question_id": f"q{number}", "answer": str(number), "votes": votes,
        "num_attempts": 8, "num_planned": 8, "num_valid": 8, "agreement": votes / 8, "agreement_valid": votes / 8,
        "classes": classes, "tied": False, "undecided": 0,
    } | changes  # fmt: skip


def attempt(number, sample, tokens=30, text="#7"):
    return {
        "id": f"attempts-{number:05}-{sample:02}", "question_id": f"q{number}", "sample": sample, "num_planned": 8,
        "prompt": "p", "text": text, "num_tokens": tokens, "finish_reason": "stop", "checkpoint": "c",
        "same_tokens": tokens != 3,
    }  # fmt: skip


def answer(number, sample, source="boxed"):
    return {
        "id": f"answers-{number:05}-{sample:02}", "attempt_id": f"attempts-{number:05}-{sample:02}",
        "question_id": f"q{number}", "answer": "7", "canonical": "7", "source": source, "valid": True,
        "invalid_reason": None, "answer_class": 0,
    }  # fmt: skip


def question(number, text):
    return {
        "id": f"q{number}", "proposal_id": "p", "item": 0, "position": number, "question": text, "nearest_score": 0.0,
        "nearest_id": None,
    }  # fmt: skip


@pytest.fixture
def written(given):
    """The tables of a healthy round of ten questions, or others in their place."""

    def write(**tables):
        rows = {
            QUESTIONS: [question(i, f"what is {i} and {i + 1}") for i in range(10)],
            VERDICTS: [verdict(i) for i in range(10)],
            PROBE_VERDICTS: [verdict(i, PROBE_VERDICTS, reference=str(i), correct=i < 45) for i in range(50)],
            ATTEMPTS: [attempt(i, s) for i in range(10) for s in range(8)],
            ANSWERS: [answer(i, s) for i in range(10) for s in range(8)],
            PROBE: [{"id": f"p{i}", "question": f"probe {i}", "reference": "1", "source_row": i} for i in range(50)],
            SEEDS: [{"id": f"s{i}", "question": f"how {i} what of {7 * i} or", "source_row": i} for i in range(10)],
            DROPPED: [],
        }
        return tuple(given(table, tables.get(table.name, healthy)) for table, healthy in rows.items())

    return write


@pytest.fixture
def play(draft, written):
    def run(settings=None, earlier=(), **tables):
        return watched(draft, settings or Alarms(), written(**tables), earlier)

    return run


@pytest.fixture
def collapsed(draft, given, recipe, tiny, tmp_path):
    """What propose and vote write of a model that repeats one question, and whose every answer is 7."""
    proposing = dataclasses.replace(draft, stage="propose", key="1" * 32)
    voting = dataclasses.replace(draft, stage="vote", key="2" * 32, written=set())
    seeds = given(SEEDS, [{"id": f"s{i}", "question": f"{i}+2+3+4", "source_row": i} for i in range(1, 9)])
    truths = [
        {"id": f"p{i}", "question": f"{i}+1+1+1", "reference": str(i + 3), "source_row": i} for i in range(10, 40)
    ]
    probe = given(PROBE, truths)
    same = " 5+5+5+5\n4. 5+5+5+5\n5. 5+5+5+5"
    proposal = {"wave": 0, "shown_ids": ["s1", "s2"], "prompt": "", "text": same, "num_tokens": 9}
    rows = [proposal | {"id": f"w{i}", "prompt_index": i, "finish_reason": "stop"} for i in range(20)]
    proposing.write(PROPOSALS, rows)
    propose(
        proposing, settings=recipe.propose.model_copy(update={"max_waves": 1}),
        proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), tiny),
        seeds=seeds, shown=ValidRows(tables=()), earlier=(), round=1,
    )  # fmt: skip
    proposed = proposing.tables()
    asked = [*proposing.read(proposed["questions"])["id"].to_pylist(), "another", *(row["id"] for row in truths)]
    attempts = given(
        ATTEMPTS, [attempt(i, s, tokens=3) | {"question_id": asked[i]} for i in range(len(asked)) for s in range(8)]
    )
    guessing = recipe.answers.model_copy(update={"pattern": None})
    vote(voting, settings=Vote(), checks=guessing, attempts=attempts, probe=probe)
    return (seeds, probe, attempts, *proposed.values(), *voting.tables().values())


def test_a_healthy_round_raises_nothing_and_every_figure_is_kept(play):
    figures = play()
    assert (figures["raised"], figures["holds"]) == ([], [])
    assert list(figures["figures"]) == [*COLLAPSED[:-2], *LOST, *COLLAPSED[-2:]]
    later = play(earlier=(Measured.model_validate(figures["measured"]),))
    assert later["raised"] == []
    assert later["figures"]["length_drift"] == 0


def test_a_collapse_of_proposer_and_solver_raises_every_alarm(draft, play, collapsed):
    healthy = Measured.model_validate(play()["measured"])
    probe = watched(draft, Alarms(), collapsed)["measured"]["of"]["reward_hacking"]["probe"]
    healthy.of["reward_hacking"]["probe"] = probe
    figures = watched(draft, Alarms(), collapsed, (healthy,))
    assert [alarm["name"] for alarm in figures["raised"]][:2] == ["reward_hacking", "same_answer"], "holds come first"
    assert {alarm["name"] for alarm in figures["raised"]} == set(COLLAPSED)
    assert [text.split(":")[0] for text in figures["holds"]] == ["reward_hacking", "same_answer"]
    found = figures["figures"]
    assert (found["same_answer"], found["unanimous"], found["answer_entropy"]) == (1, 1, 0)
    assert found["near_duplicates"] == found["dropped"] == pytest.approx(59 / 60)
    assert found["length_drift"] == 0.9


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("unanimous", 0.3),
        ("near_duplicates", 6 / 16),
        ("dropped", 6 / 18),
        ("read_from_prose", 2 / 8),
        ("truncated", 20 / 80),
        ("unanswered", 9 / 89),
        ("contradicting", 2 / 18),
        ("same_answer", 7 / 8 * 7 / 10 + 1 * 3 / 10),
    ],
)
def test_an_alarm_is_raised_above_its_threshold_and_not_at_it(play, name, figure):
    tables = {
        "verdicts": [verdict(i, votes=8 if i < 3 else 7) | {"answer": "1"} for i in range(10)],
        "answers": [answer(i, s, "last_number" if s < 2 else "boxed") for i in range(10) for s in range(8)],
        "dropped": [
            {"id": f"x{i}", "table": "questions", "stage": "propose", "reason": "not_new", "figure": 1.0}
            | {"threshold": None, "text": None}
            for i in range(6)
        ]
        + [
            {"id": f"z{i}", "table": "questions", "stage": "select", "reason": "contradicts", "figure": None}
            | {"threshold": None, "text": None}
            for i in range(2)
        ]
        + [
            {"id": f"y{i}", "table": "attempts", "stage": "solve", "reason": reason, "figure": None}
            | {"threshold": None, "text": None}
            for i, reason in enumerate(["refused"] * 5 + ["prompt_too_long"] * 4)
        ],
        "attempts": [
            attempt(i, s) | {"finish_reason": "length" if s < 2 else "stop"} for i in range(10) for s in range(8)
        ],
    }
    for row in tables["verdicts"]:
        row["classes"][0]["answer"] = "1"
    at = play(**tables)["figures"][name]
    assert at == pytest.approx(figure)
    assert raised_by(play, name, at, **tables) == []
    assert raised_by(play, name, at - 0.01, **tables) == [(name, at, at - 0.01)]


@pytest.mark.parametrize("name", ["answer_entropy", "distinct_2", "vote_precision"])
def test_an_alarm_of_too_little_is_raised_below_its_threshold_and_not_at_it(play, name):
    at = play()["figures"][name]
    assert 0 < at < 0.99
    assert raised_by(play, name, at) == []
    assert raised_by(play, name, at + 0.01) == [(name, at, at + 0.01)]


def raised_by(play, name, threshold, **tables):
    rules = {rule: {"level": "off"} for rule in [*COLLAPSED, *LOST]} | {
        name: {"threshold": threshold, "level": "warning"}
    }
    raised = play(Alarms.model_validate(rules), **tables)["raised"]
    return [(alarm["name"], alarm["figure"], alarm["threshold"]) for alarm in raised]


@pytest.mark.parametrize(("level", "raised", "holds"), [("warning", 1, 0), ("hold", 1, 1), ("off", 0, 0)])
def test_the_recipe_says_what_an_alarm_does_and_its_figure_is_kept_either_way(play, level, raised, holds):
    unanimous = [verdict(i, votes=8) for i in range(10)]
    rules = {"unanimous": {"level": level}, "answer_entropy": {"level": "off"}}
    figures = play(Alarms.model_validate(rules), verdicts=unanimous)
    assert (len(figures["raised"]), len(figures["holds"])) == (raised, holds)
    assert (figures["figures"]["unanimous"], figures["figures"]["answer_entropy"]) == (1, 0)


def test_a_round_without_questions_has_nothing_to_raise(play):
    empty = {name: [] for name in ("questions", "verdicts", "probe_verdicts", "attempts", "answers", "inputs/seeds")}
    figures = play(**empty)
    assert figures["raised"] == []
    assert set(figures["figures"].values()) == {None}


def test_no_text_of_a_model_is_in_an_alarm(draft, play):
    hostile = "\x1b[2J<script>"
    rows = [verdict(i, votes=8, answer=hostile, classes=[{"answer": hostile, "count": 8}]) for i in range(10)]
    questions = [question(i, f"{hostile} {hostile}") for i in range(10)]
    raised = play(verdicts=rows, questions=questions, attempts=[attempt(1, 1, text=hostile)])["raised"]
    assert {"same_answer", "unanimous", "near_duplicates"} <= {alarm["name"] for alarm in raised}
    assert "script" not in str(raised)


def test_a_hundred_thousand_attempts_take_well_under_a_few_seconds(draft, written):
    words = " ".join(str(i * i) for i in range(40))
    tables = written(
        questions=[question(i, f"{i} {words} {i + 1}") for i in range(12_500)],
        verdicts=[verdict(i) for i in range(12_500)],
        attempts=[attempt(i, s, text=words) for i in range(12_500) for s in range(8)],
        **{"inputs/seeds": [{"id": f"s{i}", "question": f"{i} {words}", "source_row": i} for i in range(5_000)]},
    )
    began = time.process_time()
    found = watched(draft, Alarms(), tables)["measured"]["of"]
    assert found["length_drift"]["mean_tokens"] == 30
    assert time.process_time() - began < 3
