"""Rounds that nobody played: read wrongly by older code, without columns of today, hostile."""

from dataclasses import replace

import pyarrow as pa
import pytest

from flows.lines.rejudge import rejudged_lines
from schemas.answers import ANSWERS
from schemas.attempts import ATTEMPTS
from schemas.errors import BadInput, Damaged
from schemas.inputs import PROBE
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.audit.rejudge import rejudge
from tasks.store.lineage import open_lineage

HOSTILE = "\x1b[2J\u202e<script>[bold]\r\n" + "z" * 100_000
RECIPE = """
[answers]
equivalence = "{equivalence}"
timeout_seconds = 2

[vote]
rule = "classes"

[select]
min_agreement = 0.5
max_agreement = 0.9
"""
FORMULAS = ["so \\boxed{\\frac{1}{2}}", "The answer is 1/2.", "thus \\boxed{2/4}", "\\boxed{9}"]
NUMBERS = ["\\boxed{7}", "\\boxed{7}", "\\boxed{7}", "no idea"]


def older(table, *columns):
    """A table as code wrote it that had fewer columns."""
    return replace(table, schema=pa.schema([table.schema.field(name) for name in ("id", *columns)]))


@pytest.fixture
def published(rounds):
    """Publish a round: each question's texts, with the answers and the label that its code read."""

    def publish(questions, probe=(), equivalence="canonical", decision="failed", **tables):
        attempts, answers, verdicts, probed = [], [], [], []
        for name, (texts, said, label) in {**questions, **dict(probe)}.items():
            for n, (text, answer) in enumerate(zip(texts, said, strict=True)):
                row = {"id": f"attempts-{name}-{n}", "question_id": name, "sample": n, "text": text}
                attempts.append(row | {"finish_reason": "stop"})
                answers.append({"id": f"answers-{name}-{n}", "attempt_id": row["id"], "answer": answer})
            votes = {"id": f"v-{name}", "question_id": name, "answer": label, "votes": 3, "num_attempts": len(texts)}
            if name in dict(probe):
                probed.append(votes | {"correct": label == "1"})
            else:
                verdicts.append(votes)
        vote = ("question_id", "answer", "votes", "num_attempts")
        written = {
            older(ATTEMPTS, "question_id", "sample", "text", "finish_reason"): attempts,
            older(ANSWERS, "attempt_id", "answer"): answers,
            older(VERDICTS, *vote): verdicts,
            older(PROBE_VERDICTS, *vote, "correct"): probed,
            older(QUESTIONS, "position", "question"): [
                {"id": name, "position": n, "question": f"what is {name}?"} for n, name in enumerate(questions)
            ],
            older(PROBE, "question", "reference"): [
                {"id": name, "question": f"what is {name}?", "reference": "1/2"} for name in dict(probe)
            ],
            older(SELECTIONS, "question_id"): [],
        }
        refs = {table.name: [rounds.table(table, rows)] for table, rows in written.items() if rows} | tables
        folder = rounds.lineage.round_folder(rounds.lineage.next_round)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.toml").write_text(RECIPE.format(equivalence=equivalence))
        rounds.publish(decision, tables=refs)
        lineage = open_lineage(rounds.store, "small")
        return lineage, lineage.manifests[-1]

    return publish


def test_a_round_of_older_code_is_read_though_columns_of_today_are_missing(published):
    found = rejudge(*published({"sums": (NUMBERS, ["7", "7", "7", None], "7")}))
    assert (found.attempts, found.questions, found.rewards, found.answers, found.labels) == (4, 1, 0, [], [])
    assert (found.selected_before, found.selected_after, found.precision_before) == (0, 1, None)
    (flip,) = found.selections
    assert (flip.question, flip.before, flip.after) == ("what is sums?", "not selected", "selected")


@pytest.mark.parametrize(("label", "change"), [("2", "changed"), (None, "gained"), ("\\frac{1}{2}", "respelled")])
def test_a_label_that_older_code_read_wrongly_flips(published, label, change):
    found = rejudge(*published({"halves": (FORMULAS, ["2", "2", "2", "9"], label)}))
    (flip,) = found.labels
    assert (flip.change, flip.after.answer, flip.after.votes) == (change, "1/2", 3)
    assert [(flip.differs, flip.before.text) for flip in found.answers] == [("text", "2")] * 3


def test_a_label_that_is_lost_and_what_was_lost_with_it(published):
    (flip,) = rejudge(*published({"ties": (["\\boxed{1}", "\\boxed{2}"], ["1", "1"], "1")})).labels
    assert (flip.change, flip.after.answer) == ("lost", None)


def test_the_votes_precision_stands_before_and_after(published):
    probe = {"p": (FORMULAS, ["2", "2", "2", "9"], "2"), "q": (FORMULAS, ["1/2"] * 3 + ["9"], "1/2")}
    found = rejudge(*published({}, probe))
    assert (found.precision_before.accuracy, found.precision_before.n) == (0.0, 2)
    assert (found.precision_after.accuracy, found.precision_after.n) == (1.0, 2)
    assert [(flip.question_id, flip.was_right, flip.is_right) for flip in found.probe] == [
        ("p", False, True),
        ("q", False, True),
    ]


def test_hostile_attempts_are_read_and_their_words_made_fit_for_a_terminal(published):
    texts = [f"\\boxed{{{HOSTILE}}}", HOSTILE, f"<think>{HOSTILE}", "\\boxed{" * 10_000]
    found = rejudge(*published({HOSTILE[:40]: (texts, [HOSTILE] * 4, HOSTILE)}, equivalence="math"))
    for every in (False, True):
        for line in rejudged_lines(found, "store\x1b[2J", every):
            assert line.replace("\x1b[1m", "").replace("\x1b[0m", "").isprintable()
            assert len(line) < 1_000


def test_a_round_that_cannot_be_judged_again_is_one_line(published, rounds, tmp_path):
    lineage, m = published({"sums": (NUMBERS, ["7", "7", "7", None], "7")})
    (lineage.round_folder(1) / "recipe.toml").write_text("[vote]\nrule = 'classes'\n")
    lineage = open_lineage(rounds.store, "small")
    with pytest.raises(Damaged, match=r"recipe\.toml: not the file that was written"):
        rejudge(lineage, m)
    rounds.publish("failed")
    lineage = open_lineage(rounds.store, "small")
    with pytest.raises(BadInput, match="small/2: nobody voted in it: as told"):
        rejudge(lineage, lineage.manifests[-1])
    with pytest.raises(BadInput, match=r"none\.toml: cannot be read"):
        rejudge(lineage, m, tmp_path / "none.toml")


def test_a_recipe_of_another_time_is_one_line_that_says_what_to_give(published, monkeypatch):
    monkeypatch.setitem(globals(), "RECIPE", "[answers]\nequivalence = 'gone'\n[select]\n")
    with pytest.raises(
        BadInput, match=r"small/1: its recipe\.toml cannot be read by this version: equivalence: .*--recipe"
    ):
        rejudge(*published({"sums": (NUMBERS, ["7", "7", "7", None], "7")}))
