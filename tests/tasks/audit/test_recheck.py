"""Rounds whose tables say what a tampered cache would have had them say: sealed, whole, and wrong."""

import pytest
from typer.testing import CliRunner

from flows.cli import app
from schemas.evaluations import EVALUATIONS
from schemas.manifest import ValidRows
from schemas.proposals import PROPOSALS
from schemas.settings import Novelty
from schemas.tables import TABLES
from tasks.audit.examine import examine_store
from tasks.audit.recheck import recheck
from tasks.collect import collect
from tasks.prompts import load_prompt
from tasks.propose import propose
from tasks.roles import Role
from tasks.select import select
from tasks.vote import vote

from .scripted import BASE, CANDIDATE, Played, solve, sources

KINDS = {"contaminations": 5, "marks": 3, "novelties": 6, "verdicts": 6}
LISTED = " 1+1\n3. 1+1\n4. 2+2\n5. 3+3\n6. 4+4\n7. 9+9"


@pytest.fixture
def publish(tmp_path, recipe):
    """A round by stages; `lies`: table -> what becomes of each of its rows before the round is published."""

    def run(**lies):
        novel = recipe.propose.model_copy(update={
            "novelty": Novelty(method="rouge_l", threshold=0.7), "max_waves": 1,
            "filters": recipe.propose.filters.model_copy(update={"pattern": None}),
        })  # fmt: skip
        played = Played(tmp_path / "store", recipe)

        def play(stage, draft=None, **given):
            draft = draft or played.draft(stage.__name__)
            figures = stage(draft, **given)
            for name in set(lies) & set(draft.written):
                rows = draft.so_far(TABLES[name], *TABLES[name].schema.names)
                for part in (draft.folder / name / draft.key).iterdir():
                    part.unlink()
                draft.write(TABLES[name], [lied for row in rows if (lied := lies[name](row))])
            kept = {name: getattr(value, "digest", value) for name, value in given.items() if name != "proposer"}
            return played.mark(draft, figures, **{k: v for k, v in kept.items() if k not in ("sources", "shown")})

        given = play(collect, sources=sources(recipe, tmp_path), protection=recipe.contamination)
        seeds, probe, items = (given[f"inputs/{name}"] for name in ("seeds", "probe", "benchmark_items"))
        asking = played.draft("propose")
        row = {"id": "proposals-1", "wave": 0, "prompt_index": 0, "shown_ids": ["seeds-1"], "prompt": "1."}
        asking.write(PROPOSALS, [row | {"text": LISTED, "num_tokens": 9, "finish_reason": "stop"}])
        proposed = play(
            propose, asking, settings=novel, seeds=seeds,
            proposer=Role(recipe.engine, load_prompt("propose_sums", tmp_path), BASE),
            shown=ValidRows(tables=()), earlier=(), round=1,
        )  # fmt: skip
        attempts = solve(played, proposed["questions"], probe)["attempts"]
        voted = play(vote, settings=recipe.vote, checks=recipe.answers, attempts=attempts, probe=probe)
        play(
            select, settings=recipe.select, checks=recipe.answers, protection=recipe.contamination,
            questions=proposed["questions"],
            verdicts=voted["verdicts"], probe=probe, benchmark_items=items,
        )  # fmt: skip

        def evaluate(draft, checks, model):
            draft.write(EVALUATIONS, [
                {"id": row["id"], "item_id": row["id"], "benchmark": "sums", "checkpoint": CANDIDATE.digest}
                | {"greedy": True, "sample": 0, "text": "#18", "answer": "18", "reference": row["reference"]}
                | {"correct": True, "num_tokens": 3, "finish_reason": "stop"}
                for row in draft.read(items).to_pylist()
            ])  # fmt: skip
            return {}

        play(evaluate, checks=recipe.answers, model=CANDIDATE)
        return played.publish()

    return run


def test_a_sound_round_comes_out_again(publish):
    store = publish().store
    looked, differing = recheck(store, "", 99)
    assert differing == []
    assert looked == KINDS
    assert recheck(store, "small/1", 1)[0] | {"marks": 1} == dict.fromkeys(KINDS, 1)


LIES = {
    "verdicts": ("verdicts", lambda row: row | {"answer": "77", "votes": 5} if row["answer"] == "2" else row),
    "evaluations": ("marks", lambda row: row | {"correct": False}),
    "questions": ("novelties", lambda row: row | {"nearest_score": 0.0} if row["question"] == "1+1" else row),
    "contamination": ("contaminations", lambda row: None),
}


@pytest.mark.parametrize("table", LIES)
def test_what_was_decided_otherwise_is_one_line_each_and_exit_code_1(publish, table):
    kind, lie = LIES[table]
    lineage = publish(**{table: lie})
    damage = [found for found in examine_store(lineage.store).damage if table in found.place]
    assert [found for found in damage if found.expected.startswith("SHA")] == [], "every file is as published"
    differing = recheck(lineage.store, "", 99)[1]
    assert {found.kind for found in differing} == {kind}
    assert all(found.published != found.anew and found.round == "small/1" for found in differing)


def test_the_command_says_what_differs_and_ends_with_1(publish):
    store = str(publish(contamination=LIES["contamination"][1]).store)
    ran = CliRunner().invoke(app, ["audit", "--store", store, "--recheck", "9"])
    lines = ran.output.splitlines()
    assert ran.exit_code == 1
    assert lines[-2].startswith("differs: small/1 contaminations questions-0001-")
    assert ": published None, decided anew ('exact', 'probe', 'probe-0001-" in lines[-2]
    assert lines[-1] == "decided anew: 5 contaminations, 3 marks, 6 novelties, 6 verdicts; 1 differ"
