"""log, show and diff as a user types them."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows import main
from schemas.alarms import Alarm
from schemas.gate import GateResult
from schemas.manifest import SampledScore, Score
from schemas.questions import QUESTIONS
from schemas.train_steps import TRAIN_STEPS
from schemas.verdicts import VERDICTS
from tasks.store.records import add_record

ROOT = Path(__file__).resolve().parents[2]
EACH = (["log"], ["log", "--json"], ["show", "1"], ["show", "1", "verdicts"], ["diff", "1", "2"])
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e<script>alert(1)</script>[bold]:smile:\r\n" + "z" * 2**20
ALARM = Alarm(name="unanimous", level="hold", figure=0.95, threshold=0.9, text="95% agree")
SCORE = Score(accuracy=0.5, low=0.4, high=0.6, n=100)


def question(number, text):
    return {
        "id": f"questions-{number}", "proposal_id": "p", "item": 0, "position": number, "question": text,
        "nearest_score": 0.0, "nearest_id": None,
    }  # fmt: skip


def verdict(number, answer, votes):
    return {
        "id": f"verdicts-{number}", "question_id": f"questions-{number}", "answer": answer, "votes": votes,
        "num_attempts": 8, "num_planned": 8, "num_valid": 8, "agreement": votes / 8, "agreement_valid": votes / 8,
        "classes": [{"answer": answer, "count": votes}], "tied": False, "undecided": 0,
    }  # fmt: skip


def gate(difference=0.03):
    return GateResult(
        decision="promoted", reason="better", benchmark="sums", test="mcnemar", n=4000, gained=200, lost=80,
        difference=difference, low=0.021, high=0.039, p_value=1e-9,
    )  # fmt: skip


@pytest.fixture
def store(rounds):
    """Three rounds: a promoted one, a held one with another recipe, and a failed one that a model wrote words in."""
    for number, decision in enumerate(("promoted", "held", "failed"), 1):
        texts = ("1+1", f"only in {number}", HOSTILE)
        pass_at_2 = SampledScore(k=2, accuracy=0.5 + number / 10, low=0.4, high=0.9, n=20)
        better = SCORE.model_copy(update={"accuracy": 0.53, "pass_at_k": (pass_at_2,), "mean_n": 20})
        refs = {
            "questions": [rounds.table(QUESTIONS, [question(n, text) for n, text in enumerate(texts)])],
            "verdicts": [
                rounds.table(VERDICTS, [verdict(0, str(number), 4 + number), verdict(2, f"{number}\x1b[31m", 8)])
            ],
        }
        if decision == "failed":
            loss = {"id": "t", "method": "sft", "step": 1, "loss": float("nan"), "learning_rate": 1.0}
            loss |= {"grad_norm": None, "num_tokens": None, "reward_accuracy": None}
            refs["train_steps"] = [rounds.table(TRAIN_STEPS, [loss])]
        rounds.publish(
            decision, tables=refs, dropped={"tie": number}, finished=f"2026-11-2{number}T01:02:03.000+00:00",
            gate=None if decision == "failed" else gate(), scores={"sums": {"champion": SCORE, "candidate": better}},
            parent="small/1" if number > 1 else None, stages={"solve": "k"}, git="a" * 40,
            reason=f"few rows: {HOSTILE}" if decision == "failed" else "as told",
            figures={
                "ask": {"asked": 1530, "waves": 2}, "grade.wave-1": {"precision": SCORE.model_dump(mode="json")},
                "keep": {"band": {"in": 0.75, HOSTILE: 0.25}},
            },
            seconds={"solve": 2.0}, tokens={"solve": 1234}, alarms=[ALARM] if decision == "held" else [],
            validation={"validate": {"passed": decision != "failed", "failures": [HOSTILE] * (number // 3)}},
        )  # fmt: skip
        (rounds.lineage.round_folder(number) / "recipe.toml").write_text(f"[train]\nsteps = {100 + number // 2}\n")
    return rounds.store


@pytest.fixture
def selfplay(store, monkeypatch, capsys):
    """The command's output and exit code, in this process."""

    def typed(*arguments, place=store):
        monkeypatch.setattr(sys, "argv", ["selfplay", *map(str, arguments), "--store", str(place)])
        line, code = main._ended()
        said = capsys.readouterr().out
        assert not set(said) & (set(map(chr, [*range(32), *range(127, 160), 0x202E])) - {"\n"}), "control characters"
        return code, said, line

    return typed


def content_of(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_log_tells_the_newest_round_first(selfplay, rounds):
    add_record(rounds.lineage.folder, "drop-weights", 2, f"old {HOSTILE}")
    code, said, _ = selfplay("log")
    assert code == 0
    assert re.findall(r"^round (small/\d)  (.*)$", said, re.M) == [
        ("small/3", "failed"),
        ("small/2", "held"),
        ("small/1", "promoted (champion)"),
    ]
    assert re.findall(r"^changed  (.*)$", said, re.M) == [
        "nothing",
        "train.steps 100 -> 101",
        "first round of its lineage",
    ]
    assert "gain     +3.0 points [+2.1, +3.9] on 4,000 items of sums: 50.0% -> 53.0%" in said
    assert "could have shown" not in said, "a round of before, or too few items"
    assert "parent   the base model" in said
    assert "rows     3 questions, 2 verdicts, 2 dropped" in said
    assert "figures  ask asked 1,530; grade precision 50.0% [40.0%, 60.0%]; keep band 75% in, 25% " in said
    assert re.findall(r"^alarm    (.*)$", said, re.M) == ["hold, unanimous: 95% agree"], "the held round's"
    assert re.search(r"^record   1, drop-weights by \S+, 20\S+ \S+ UTC: old \\x1b\]0;owned", said, re.M)
    assert len(said) < 10_000


def test_the_log_can_be_short_and_its_json_stays_oldest_first(selfplay):
    assert re.findall(r"^round (\S+)", selfplay("log", "--limit", 1)[1], re.M) == ["small/3"]
    assert [m["round"] for m in json.loads(selfplay("log", "--json")[1])] == [1, 2, 3]
    assert [m["round"] for m in json.loads(selfplay("log", "--json", "--limit", 2)[1])] == [2, 3]


def test_the_log_goes_on_where_a_recipe_is_lost(selfplay, rounds):
    (rounds.lineage.round_folder(2) / "recipe.toml").unlink()
    changed = re.findall(r"^changed  (.*)$", selfplay("log")[1], re.M)
    assert changed[:2] == ["recipe unknown: a recipe.toml cannot be read"] * 2


def test_show_tells_what_is_in_a_round(selfplay, rounds):
    add_record(rounds.lineage.folder, "approve", 2, "read 20 rows")
    code, said, _ = selfplay("show", 2)
    assert code == 0
    for line in (
        "round small/2  promoted (champion)",
        f"sums candidate      53.0% [40.0%, 60.0%] of 100 items\n{'':22}pass@2 70.0% [40.0%, 90.0%] of 20 items",
        f"ask                 asked              1,530\n{'':22}waves              2",
        "grade               precision          50.0% [40.0%, 60.0%] of 100 rows",
        "solve               k  its marker cannot be read",
        f"3  {rounds.lineage.manifests[1].tables['questions'][0].digest[:16]}  round-0002/questions/{'1' * 32}",
        "2  tie",
        "validate            passed, 0 tables, 0 failing rows",
        ": read 20 rows",
        f"candidate   objects/{rounds.lineage.manifests[1].candidate.digest}",
    ):
        assert line in said
    told = json.loads(selfplay("show", "small/2", "--json")[1])
    assert (told["round_id"], told["decision"], told["stages"]) == ("small/2", "promoted", {"solve": None})
    assert told["tables"]["questions"][0]["rows"] == 3
    assert told["records"][0]["reason"] == "read 20 rows"
    assert Path(told["manifest"]).is_file()


def test_show_gives_rows_by_a_condition_and_cuts_what_is_long(selfplay):
    code, said, _ = selfplay("show", 1, "questions", "--limit", 1)
    assert (code, said.splitlines()[-1]) == (0, "1 of 3 rows of small/1 questions; the others: --limit 3")
    code, said, _ = selfplay("show", 1, "questions", "--where", "length(question) > 100")
    assert code == 0
    assert said.startswith("questions-2\n")
    assert r"\x1b]0;owned\x07\x1b[2J\u202e<script>alert(1)</script>[bold]:smile:\r" in said
    assert "characters)" in said
    assert len(said) < 3_000
    (row,) = json.loads(selfplay("show", 1, "questions", "--where", "length(question) > 100", "--json")[1])
    assert row == question(2, HOSTILE)


def test_json_has_no_nan(selfplay):
    (row,) = json.loads(selfplay("show", 3, "train_steps", "--json")[1], parse_constant=pytest.fail)
    assert row["loss"] is None
    assert "nan" in selfplay("show", 3, "train_steps")[1]


def test_diff_tells_what_changed(selfplay):
    code, said, _ = selfplay("diff", 1, 2)
    assert code == 0
    for line in (
        "small/1 -> small/2",
        "decision                 promoted -> held",
        "questions   +1 -1, 2 in both, 2 relabelled",
        "  + only in 2",
        "  - only in 1",
        "  ~ 1+1: 1 (5 of 8) -> 2 (6 of 8)",
        r"(8 of 8) -> 2\x1b[31m (8 of 8)",
        "sums candidate           53.0% [40.0%, 60.0%] -> 53.0% [40.0%, 60.0%]  +0.0 points",
        "    pass@2                 60.0% [40.0%, 90.0%] -> 70.0% [40.0%, 90.0%]",
        "train.steps              100 -> 101",
        "verdicts.agreement       ",
        "tie                      1 -> 2",
        "cannot be read: small/round-0001/stages/solve-k.json",
    ):
        assert line in said
    assert len(said) < 10_000
    found = json.loads(selfplay("diff", "1", "small/2", "--json")[1])
    assert (found["a"], found["b"], found["questions"]["questions"]["relabelled"]) == ("small/1", "small/2", 2)
    assert found["recipe"] == [{"name": "train.steps", "before": 100, "after": 101}]


BAD = {
    ("show", "9"): "9: no published round of this name in",
    ("show", "other/1"): "other/1: no published round of this name in",
    ("show", "../small/1"): "expected a round such as quickstart/3",
    ("show", "small"): "expected a round such as quickstart/3",
    ("show", "1", "verdict"): "verdict: no such table in small/1; it has questions, verdicts",
    ("show", "1", "verdicts", "--where", "agrement < 1"): 'Referenced column "agrement" not found',
    ("show", "1", "verdicts", "--where", "1=1; drop table verdicts"): "DuckDB says: syntax error",
    ("show", "1", "verdicts", "--where", "x\x1b[2J"): "DuckDB says: ",
    ("show", "1", "--where", "agreement < 1"): "--where: it needs a table",
    ("show", "1", "verdicts", "--limit", "0"): "'--limit'",
    ("show",): "Missing argument",
    ("diff", "1"): "Missing argument",
    ("diff", "1", "9"): "9: no published round of this name in",
    ("diff", "x", "1"): "expected a round such as quickstart/3",
    ("log", "--limit", "-1"): "'--limit'",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_line_exit_2_and_changes_nothing(selfplay, store, arguments):
    before = content_of(store.parent)
    code, said, line = selfplay(*arguments)
    assert (code, said) == (2, "")
    assert BAD[arguments] in " ".join(line.split())
    assert content_of(store.parent) == before


def test_a_round_under_way_is_not_there_yet(selfplay, store):
    (store / "small/round-0003/manifest.json").unlink()
    assert "small/3" not in selfplay("log")[1]
    code, said, line = selfplay("diff", 2, 3)
    assert (code, said) == (2, "")
    assert "3: no published round of this name in" in line


def test_damage_is_told_apart_from_bad_input(selfplay, store):
    part = next((store / "small/round-0001/verdicts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-9])
    for arguments in (["show", "1", "verdicts"], ["diff", "1", "2"]):
        code, said, line = selfplay(*arguments)
        assert (code, said) == (1, "")
        assert str(part) in line


@pytest.mark.parametrize("arguments", EACH, ids=" ".join)
def test_reading_imports_neither_prefect_nor_torch_nor_pandas(store, arguments):
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app([*{arguments!r}, '--store', {str(store)!r}], standalone_mode=False)\n"
        "found = {'prefect', 'torch', 'transformers', 'great_expectations', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60)


def test_a_store_at_a_url_reads_the_same(s3_rounds, selfplay):
    for answer in ("1", "2"):
        refs = {
            "questions": [s3_rounds.table(QUESTIONS, [question(0, "1+1")])],
            "verdicts": [s3_rounds.table(VERDICTS, [verdict(0, answer, 6)])],
        }
        s3_rounds.publish("promoted", candidate=s3_rounds.base, tables=refs)
    place = s3_rounds.store
    assert "round small/2  promoted (champion)" in selfplay("log", place=place)[1]
    assert '"answer": "2"' in selfplay("show", "2", "verdicts", "--json", place=place)[1]
    assert "~ 1+1: 1 (6 of 8) -> 2 (6 of 8)" in selfplay("diff", 1, 2, place=place)[1]
