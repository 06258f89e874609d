r"""A whole round over what real models write: thoughts, formulas without boxes, several boxes, and `1/0`."""

import json
import re

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.tables import TABLES
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

from .completions import TEACHER, Engine, Sums

pytestmark = pytest.mark.slow

BACKTRACKING = "#" + "1 " * 4_000 + "x"
SAID = {
    # question: (attempts, the label that a person would give)
    "What is four ninths of the cake?": (
        [
            "Thus\n\\[ \\frac{4}{9} \\]", "Final answer: \\frac{4}{9}", "So \\boxed{4/9}.",
            "Thus\n\\[ \\frac{8}{18} \\]",
            "Thus\n\\[ \\frac{5}{9} \\]", "Thus\n\\[ \\frac{2}{9} \\]", "\\boxed{9}", "I do not know.",
        ],
        "4/9",
    ),
    "What do you get when you divide one by nothing?": (
        ["\\boxed{1/0}"] * 5 + ["\\boxed{0}", "\\boxed{(4/0, 1)}", "\\boxed{1}"],
        "\\frac{1}{0}",
    ),
    "How many apples has Ann when she buys fifteen?": (
        ["<think>maybe \\boxed{12}?</think>\nThe answer is 15."] * 3
        + ["<think>\\boxed{12}", "<think>x</think> \\boxed{15 apples}", "The answer is 15, so she has enough.", "15"]
        + [BACKTRACKING],
        "15",
    ),
    "Which numbers solve the equation of the third kind?": (
        ["So the solutions are \\boxed{2}, \\boxed{9} and \\boxed{11}."] * 3
        + ["\\boxed{11, 9, 2}", "x = 2, x = 9 or x = 11 \\boxed{2,9,11}"]
        + ["\\boxed{2}", "\\boxed{(2,9,11)}", "\\boxed{2,9}"],
        "\\{11,2,9\\}",
    ),
    "What is the charge of the small sphere?": (
        ["The charge is 2.4 \\times 10^{-6}"] * 3
        + ["\\boxed{0.0000024 \\text{ C}}", "\\boxed{2.4\\,\\mu\\text{C}}"]
        + ["\\boxed{2.4}", "\\boxed{2.5 \\times 10^{-6}}", "?"],
        "0.0000024",
    ),
    "Which difference of the radii is asked for here?": (
        ["\\boxed{R-r}"] * 4 + ["\\boxed{r-R}"] * 3 + ["\\boxed{0}"],
        "R-r",
    ),
}  # fmt: skip
PROBE = {
    "How many edges has the cube on the table?": (["The answer is **12**."] * 6 + ["\\boxed{8}"] * 2, "12"),
    "What is half of the number three in the end?": (
        ["\\boxed{1.5}", "\\boxed{\\frac32}"] * 3 + ["3"] * 2,
        "\\frac{3}{2}",
    ),
}


class Thinker(Sums):
    """Proposes the questions of `SAID`, in lists of every dress, and answers each as scripted."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        known = next((said for question, (said, _) in (SAID | PROBE).items() if question in prompt), None)
        if known is None or re.search(r"\n\s*\d+\.\s*$", prompt):
            texts = [self.listed()] * body.get("n", 1)
        else:
            texts = [known[i % len(known)] for i in range(body.get("n", 1))]
        choices = [
            {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            for i, text in enumerate(texts)
        ]
        self.answer(200, {"choices": choices, "usage": {"completion_tokens": 8 * body.get("n", 1)}})

    def listed(self):
        first, *others = SAID
        dress = ("4) {}", "**5.** {}", "6. {}", "Problem 7: {}", "(8) {} <|im_end|>\n<|im_start|>user")
        rows = [form.format(question) for form, question in zip(dress, others, strict=False)]
        return f"<think>some more</think> {first}\n\nSolution: 4/9, of course.\n" + "\n".join(rows)


@pytest.fixture(scope="module")
def round_of_it(tmp_path_factory, quickstart, written_recipe):
    folder = tmp_path_factory.mktemp("thinker")
    for name, questions in (("seeds", list(PROBE)), ("probe", list(PROBE))):
        rows = [
            {"question": f"{q} ({n})" if name == "seeds" else q, "answer": PROBE[q][1]}
            for n, q in enumerate(questions)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    server = Engine(folder / "store", handler=Thinker)
    changes = {
        "engine": {"kind": "openai", "url": server.url, "concurrency": 4, "timeout_seconds": 20, "api": "chat"}
        | {"model": TEACHER, "revision": "2024-07-18"},
        "evaluate__engine": quickstart["engine"],
        "data__seeds__path": str(folder / "seeds.jsonl"),
        "data__probe": {"path": str(folder / "probe.jsonl"), "question": "question", "answer": "answer"},
        "propose__prompt": "propose_list",
        "propose__target": 6,
        "propose__prompts_per_wave": 4,
        "propose__max_own_fewshots": 0,
        "propose__filters__pattern": None,
        "propose__filters__max_words": 60,
        "solve__prompt": "solve_sums",
        "solve__num_samples": 8,
        "answers__equivalence": "math",
        "answers__pattern": None,
        "validation__min_sft_examples": 6,
        "alarms__read_from_prose__level": "off",
    }
    run_recipe(written_recipe(folder, quickstart, "thinker", **changes), folder / "store", 1, Console(to_stderr=True))
    server.shutdown()
    server.server_close()
    return open_lineage(folder / "store", "thinker")


def rows(lineage, table):
    m = lineage.manifests[0]
    return [row for ref in m.tables[table] for row in read_table(lineage.folder, ref, TABLES[table]).to_pylist()]


def test_it_ends_with_the_labels_that_a_person_would_give(round_of_it):
    questions = {row["id"]: row["question"] for row in rows(round_of_it, "questions")}
    assert sorted(questions.values()) == sorted(SAID), (
        "each question alone, without its number, its answer and tokens"
    )
    labels = {questions[row["question_id"]]: row["answer"] for row in rows(round_of_it, "verdicts")}
    assert labels == {question: label for question, (_, label) in SAID.items()}


def test_the_vote_on_the_probe_is_right(round_of_it):
    assert [row["correct"] for row in rows(round_of_it, "probe_verdicts")] == [True, True]


def test_a_class_holds_every_spelling_and_nothing_else(round_of_it):
    questions = {row["id"]: row["question"] for row in rows(round_of_it, "questions")}
    votes = {questions[row["question_id"]]: row["votes"] for row in rows(round_of_it, "verdicts")}
    assert list(map(votes.get, SAID)) == [4, 5, 6, 5, 4, 4]


def test_the_round_is_published_and_sound(round_of_it):
    (m,) = round_of_it.manifests
    assert m.decision in ("promoted", "held")
    assert examine_store(round_of_it.store).damage == ()
