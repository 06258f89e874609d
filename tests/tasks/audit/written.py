"""Rounds that nobody played, written row by row, for tests that must know what is in them."""

from pathlib import Path

from flows.recipes import load_recipe
from schemas.alarms import Alarm
from schemas.answers import ANSWERS
from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.gate import Comparison, GateResult, GuardResult, SealedResult
from schemas.inputs import PROBE
from schemas.manifest import SampledScore, Score, StageRecord
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.selections import SELECTIONS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.train_steps import TRAIN_STEPS
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.store.identity import row_id
from tasks.store.objects import write_whole
from tasks.store.parquet import table_ref, write_part

QUICKSTART = Path(__file__).resolve().parents[3] / "deployments/recipes/quickstart.toml"
HOSTILE = "# <script>window.hit=1</script>\n"
KEY = "0" * 32
WROTE = {
    "proposals": "propose", "questions": "propose", "dropped": "select", "selections": "select",
    "sft_examples": "build", "train_steps": "train",
}  # fmt: skip
NO_VOTE = {"votes": 1, "num_attempts": 4, "num_planned": 4, "num_valid": 4, "undecided": 0}


def score(accuracy, n=400, sampled=False):
    """With its interval; `sampled`: and what four samples of 60 items said."""

    def of_samples(k, share):
        return SampledScore(k=k, accuracy=share, low=share - 0.1, high=share + 0.1, n=60)

    more = {
        "mean_at_k": accuracy - 0.2,
        "mean_low": accuracy - 0.3,
        "mean_high": accuracy - 0.1,
        "mean_n": 60,
        "k": 4,
    }
    more |= {"pass_at_k": (of_samples(2, 0.6), of_samples(4, 0.75)), "maj_at_k": of_samples(4, 0.7)}
    return Score(accuracy=accuracy, low=accuracy - 0.02, high=accuracy + 0.02, n=n, **(more if sampled else {}))


def publish(rounds, texts, decision="promoted", accuracy=0.8, alarms=(), **changes):
    """A round of a question a text: every attempt says it, every third question is dropped, the rest trained on."""
    lineage = rounds.lineage
    number = lineage.next_round
    folder = lineage.round_folder(number)
    recipe, text = load_recipe(QUICKSTART)
    write_whole(folder / "recipe.toml", (HOSTILE + text).encode())
    tables, stages = {}, ("alarms", "train", "propose", "select", "build")
    keys = {stage: f"{place:032x}" for place, stage in enumerate(stages, 1)}
    for table, rows in _tables(number, texts).items():
        home = folder / table.name / keys.get(WROTE.get(table.name), KEY)
        write_part(home / "part-0000.parquet", table, rows)
        tables[table.name] = [table_ref(lineage.folder, home, table)]
    measured = {name: 0.1 * number for name in ("answer_entropy", "unanimous", "distinct_2", "near_duplicates")}
    figures = {
        "alarms": {
            "figures": measured | {"same_answer": None},
            "measured": {"round": number, "of": {"length_drift": {"mean_tokens": 20.0}}},
        },
        "train": {"training_rows": {"sft": len(texts)}},
        **{stage: {} for stage in ("propose", "select", "build")},
    }
    for stage, found in figures.items():
        record = StageRecord(
            stage=stage, key=keys[stage], inputs={"sft_examples": [tables["sft_examples"][0].digest]},
            settings={"settings": recipe.model_dump().get(stage)}, prompts={}, code="", versions={}, tables={},
            figures=found, dropped={}, seconds=0.5, tokens=0,
        )  # fmt: skip
        write_whole(folder / f"stages/{stage}-{keys[stage]}.json", record.model_dump_json().encode())
    gate = GateResult(
        decision="promoted" if decision == "promoted" else "held", reason="as told", benchmark="sums", test="mcnemar",
        n=400, gained=20, lost=10, difference=0.02, low=0.0, high=0.04, p_value=0.01, detectable_gain=0.031,
    )  # fmt: skip
    compared = gate.model_dump(include=set(Comparison.model_fields))
    guard = GuardResult(**compared | {"benchmark": "reading", "test": "tango"}, max_loss=0.02, passed=True)
    gate = gate.model_copy(update={"guards": (guard,), "sealed": SealedResult(**compared, reads=3)})
    scores = {"base": score(0.7, sampled=True), "champion": score(accuracy - 0.02, sampled=True)}
    failed = decision == "failed"
    if not failed:
        scores["candidate"] = score(accuracy, sampled=True)
    return rounds.publish(
        decision, tables=tables, alarms=[Alarm(**alarm) for alarm in alarms], stages=keys,
        figures={
            "propose": {"proposed": 3 * len(texts)},
            "vote": {"precision": score(0.5 + accuracy / 2, 80).model_dump(mode="json")},
            "select": {"band": {"below": 0.25, "in": 0.75}},
        },
        gate=None if failed else gate, scores={"sums": scores},
        trained_on={"sft": len(texts)},
        dropped={"below_band": len(texts[::3]) - 1, "tie": 1, "surplus": 40 + number},
        tokens={"solve": 9000, "propose": 1000 * number},
        seconds={"solve": 30.0, "train": 20.0, "evaluate.base": 3.0, "evaluate.candidate": 4.0},
        started="2026-01-01T00:00:00.000+00:00", finished="2026-01-01T00:02:00.000+00:00", **changes,
    )  # fmt: skip


def _tables(number, texts):
    rows = {
        table: [] for table in (PROPOSALS, QUESTIONS, ATTEMPTS, ANSWERS, VERDICTS, SELECTIONS, SFT_EXAMPLES, DROPPED)
    }
    for place, text in enumerate(texts):
        for table, row in _about(number, place, text):
            rows[table].append(row)
    probe = {"id": row_id(PROBE, number, 1, "", 0), "question": texts[0], "reference": "1", "source_row": 0}
    vote = {"id": row_id(PROBE_VERDICTS, number, 1, "", 0), "question_id": probe["id"], "answer": "1"}
    vote |= {
        "agreement": 0.75,
        "agreement_valid": 0.75,
        "classes": [{"answer": "1", "count": 3}],
        "tied": False,
        "reference": "1",
    }
    steps = [
        {"id": row_id(TRAIN_STEPS, number, 1, "", step), "method": "sft", "step": step, "loss": 1 / step,
         "learning_rate": 0.1, "grad_norm": None, "num_tokens": None, "reward_accuracy": None}
        for step in range(1, 9)
    ]  # fmt: skip
    return rows | {
        PROBE: [probe],
        PROBE_VERDICTS: [vote | NO_VOTE | {"votes": 3, "correct": True}],
        TRAIN_STEPS: steps,
    }


def _about(number, place, text):
    """A proposal, its question, two attempts at it with their answers, the vote, and what came of it."""

    def named(table, *parents):
        return row_id(table, number, 1, "", place, *parents)

    proposal, question, verdict = named(PROPOSALS), named(QUESTIONS), named(VERDICTS)
    sampled = {"num_tokens": 3, "finish_reason": "stop", "verified": True}
    yield (
        PROPOSALS,
        {"id": proposal, "wave": 0, "prompt_index": place, "shown_ids": [], "prompt": text, "text": text} | sampled,
    )
    yield QUESTIONS, {
        "id": question, "proposal_id": proposal, "item": 0, "position": place, "question": text, "nearest_score": 0.0,
        "nearest_id": None,
    }  # fmt: skip
    for sample in range(2):
        attempt = named(ATTEMPTS, sample)
        yield ATTEMPTS, {
            "id": attempt, "question_id": question, "sample": sample, "num_planned": 2, "prompt": text, "text": text,
            "checkpoint": "c" * 64,
        } | sampled  # fmt: skip
        yield ANSWERS, {
            "id": named(ANSWERS, sample), "attempt_id": attempt, "question_id": question, "answer": text[:2000],
            "canonical": text[:2000], "source": "hash", "valid": True, "invalid_reason": None, "answer_class": 0,
        }  # fmt: skip
    dropped, tied = place % 3 == 0, place == 3
    agreement = 0.25 if dropped else 0.75
    yield VERDICTS, NO_VOTE | {
        "id": verdict, "question_id": question, "answer": None if tied else text[:2000], "votes": 3,
        "agreement": agreement, "agreement_valid": agreement, "tied": tied,
        "classes": [{"answer": text[:2000], "count": 3}, {"answer": "2", "count": 1}],
    }  # fmt: skip
    if dropped:
        yield DROPPED, {
            "id": question, "table": "questions", "stage": "select", "reason": "tie" if tied else "below_band",
            "figure": 0.25, "threshold": None if tied else 0.5, "text": text,
        }  # fmt: skip
        return
    yield SELECTIONS, {
        "id": named(SELECTIONS), "question_id": question, "verdict_id": verdict, "question": text,
        "answer": text[:2000], "agreement": agreement,
    }  # fmt: skip
    yield SFT_EXAMPLES, {
        "id": named(SFT_EXAMPLES), "question_id": question, "attempt_id": named(ATTEMPTS, 0), "prompt": text,
        "completion": text, "agreement": agreement,
    }  # fmt: skip
