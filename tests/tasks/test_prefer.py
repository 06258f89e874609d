"""The judge of pairs, asked for real over HTTP: what it says, and what it is worth."""

import json
import re
import threading

import pytest

from schemas.attempts import ATTEMPTS
from schemas.engines import OpenAIEngine
from schemas.inputs import PROBE, UNLABELLED
from schemas.preferring import Prefer
from schemas.settings import Answers, Build, Sampling
from tasks.build import build
from tasks.engines.served import served_name
from tasks.prefer import prefer
from tasks.prompts import load_prompt
from tasks.roles import Role

from .engines.api import Api, Server, well

SHOWN = re.compile(r"q (?P<question>.*?) 1 (?P<first>.*) 2 (?P<second>.*) better", re.DOTALL)


class Judge(Api):
    """Says of two answers what the test's script says."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = SHOWN.fullmatch(body["prompt"])
        self.server.prompts.append(body["prompt"])
        said = self.server.script(found["question"], found["first"], found["second"])
        self.answer(200, well([said] * body.get("n", 1)))


@pytest.fixture
def server(tiny):
    Api.served, before = [served_name(tiny.digest)], Api.served
    with Server(("127.0.0.1", 0), Judge) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        server.prompts = []
        yield server
        server.shutdown()
    Api.served = before


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path, server):
    (tmp_path / "pair.jinja").write_text("q {{ question }} 1 {{ first }} 2 {{ second }} better")

    def run(script, asked, probe=None, cut=(), **changes):
        """`asked`: question -> what its attempts say; `probe`: the same, with the sum as the truth."""
        server.script, probe = script, probe or {}
        attempts = [
            {"id": f"{q}-{i}", "question_id": q, "sample": i, "num_planned": 9, "prompt": "p", "text": f"#{said}"}
            | {"num_tokens": 3, "finish_reason": "length" if said in cut else "stop", "checkpoint": "c"}
            for q, every in (asked | probe).items()
            for i, said in enumerate(every)
        ]
        named = [{"id": q, "question": q, "source_row": i} for i, q in enumerate(asked)]
        known = [{"id": q, "question": q, "source_row": i, "reference": total(q)} for i, q in enumerate(probe)]
        settings = {"prompt": "pair.jinja", "num_samples": 1, "questions_per_shard": 1}
        settings |= {"sampling": Sampling(temperature=1.0, max_tokens=9)}
        url = f"http://127.0.0.1:{server.server_port}/v1"
        run.attempts = given(ATTEMPTS, attempts)
        figures = prefer(
            draft, settings=Prefer.model_validate(settings | changes), checks=recipe.answers,
            judge=Role(
                OpenAIEngine(kind="openai", url=url, concurrency=2, timeout_seconds=9),
                load_prompt("pair.jinja", tmp_path), tiny,
            ),
            unlabelled=given(UNLABELLED, named), attempts=run.attempts, probe=given(PROBE, known),
        )  # fmt: skip
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def total(question):
    return str(sum(map(int, question.split("+"))))


def honest(question, first, second):
    """Prefers what is nearer to the sum."""
    wrong = [abs(int(said[1:]) - int(total(question))) for said in (first, second)]
    return f"Better: {1 if wrong[0] < wrong[1] else 2}"


def rewards(tables):
    return {row["row_id"]: row["reward"] for row in tables["rewards"]}


def test_every_two_attempts_are_compared_in_both_orders(play, server):
    figures, tables = play(honest, {"1+2": [3, 4, 5]}, num_samples=2)
    orders = [(row["first_id"], row["second_id"]) for row in tables["comparisons"]]
    assert len(orders) == 3 * 2 * 2 and len(set(orders)) == len(server.prompts) == 6
    assert rewards(tables) == pytest.approx({"1+2-0": 2.5 / 3, "1+2-1": 0.5, "1+2-2": 0.5 / 3})
    assert (figures["prefers_first"]["accuracy"], figures["undecided"]) == (0.5, 0)


def test_the_share_of_wins_leaves_the_attempt_itself_out(play):
    _, tables = play(honest, {"1+2": [3, 4, 5]}, reward="win_share")
    assert rewards(tables) == pytest.approx({"1+2-0": 1.0, "1+2-1": 0.5, "1+2-2": 0.0})


def test_attempts_that_were_cut_off_and_equal_texts_are_not_compared(play, server):
    _, tables = play(honest, {"1+2": [3, 3, 9], "1+1": [2]}, cut=(9,))
    assert server.prompts == [] and tables["comparisons"] == tables["preferences"] == []
    assert rewards(tables) == {"1+2-0": 0.5, "1+2-1": 0.5, "1+2-2": None, "1+1-0": None}


def test_what_cannot_be_read_is_undecided(play):
    figures, tables = play(lambda *shown: "Both are fine.", {"1+2": [3, 4]})
    assert rewards(tables) == {"1+2-0": None, "1+2-1": None}
    assert (figures["undecided"], figures["unreadable"]) == (2, 1.0)


def test_the_judge_is_measured_on_the_probe_and_nothing_of_it_is_rewarded(play):
    figures, tables = play(honest, {"1+2": [3, 4]}, {"2+2": [4, 5, 6], "5+5": [1, 2]})
    assert set(rewards(tables)) == {"1+2-0", "1+2-1"}
    assert {(row["attempt_id"], row["other_id"]) for row in tables["probe_preferences"]} == {
        ("2+2-0", "2+2-1"), ("2+2-0", "2+2-2"),
    }  # fmt: skip
    assert (figures["precision"]["accuracy"], figures["precision"]["n"]) == (1.0, 1)


def test_a_judge_that_always_says_the_first_gives_no_pair_and_is_told_by_its_figures(play, draft):
    figures, tables = play(lambda *shown: "Better: 1", {"1+2": [3, 4, 5]}, {"2+2": [4, 5]})
    assert set(rewards(tables).values()) == {0.5}
    assert {row["chance"] for row in tables["preferences"]} == {0.5}
    assert (figures["prefers_first"]["accuracy"], figures["precision"]["n"]) == (1.0, 0)
    assert figures["precision"]["undecided"] == 1
    written = draft.tables()
    draft.key, draft.written = "2" * 32, set()
    built = build(
        draft, settings=Build(solutions_per_question=1, pairs_per_question=1, pairs="best_worst"),
        checks=Answers(equivalence="canonical"),
        attempts=play.attempts, rewards=written["rewards"], preferences=written["preferences"], reads_pairs=True,
    )  # fmt: skip
    assert (built["preference_pairs"], built["without_pairs"]) == (0, {"no_difference": 1})


def test_shards_that_are_whole_are_not_asked_again(play, server):
    _, first = play(honest, {"1+2": [3, 4], "2+2": [4, 5]})
    server.prompts.clear()
    _, second = play(honest, {"1+2": [3, 4], "2+2": [4, 5]})
    assert first == second and server.prompts == []
