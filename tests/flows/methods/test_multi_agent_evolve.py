"""Multi-Agent Evolve on the tiny model: a proposer, a solver and a judge of one policy, each with its own rewards."""

import pytest

from flows.recipes import read_recipe
from schemas.errors import BadInput
from tasks.audit.alarms import judge_precision
from tasks.checks.appraising import form_of, mean_score, proposer_earns, read_score, scaled, solver_earns

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "pose.documents": 24, "solve.num_samples": 2, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 16, "train.policy.rows_at_once": 16, "evaluate.num_samples": 0,
    "data.probe.sample": 4, "validation.min_policy_rows": 4, "gate.sealed": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("multi_agent_evolve", SMALL, sample=40), tmp_path_factory.mktemp("mae"))


def scores_of(lineage, m):
    """Question or attempt -> the mean of its scores."""
    found: dict[str, list[float | None]] = {}
    for row in rows_of(lineage, m, "appraisals"):
        found.setdefault(row["row_id"], []).append(row["score"])
    return {name: mean_score(of) for name, of in found.items()}


def test_only_questions_that_the_judge_finds_good_are_asked(played):
    _, lineage = played
    for m in lineage.manifests:
        score = scores_of(lineage, m)
        asked = {row["question_id"] for row in rows_of(lineage, m, "attempts")}
        for row in rows_of(lineage, m, "questions"):
            quality = score[row["id"]]
            assert (row["id"] in asked) == (quality is not None and quality >= 0.7)
        refused = {row["reason"] for row in rows_of(lineage, m, "dropped") if row["stage"] == "appraise"}
        assert "low_quality" in refused


def test_each_role_earns_by_its_own_formula(played):
    _, lineage = played
    for m in lineage.manifests:
        given = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        score = scores_of(lineage, m)
        solved: dict[str, list[float | None]] = {}
        question_of = {row["proposal_id"]: row["id"] for row in rows_of(lineage, m, "questions")}
        for row in rows_of(lineage, m, "attempts"):
            solved.setdefault(row["question_id"], []).append(score[row["id"]])
            if row["question_id"] in question_of.values():
                marks = row["text"].count("#")
                form = (0, 1, 0.5)[min(marks, 2)]
                earned = None if score[row["id"]] is None else 0.5 * score[row["id"]] + 0.5 * form
                assert given[row["id"]] == pytest.approx(earned)
        for row in rows_of(lineage, m, "proposals"):
            quality, question = score.get(question_of.get(row["id"])), question_of.get(row["id"])
            if question is None:
                assert given[row["id"]] in (0, None)
            elif quality is None:
                assert given[row["id"]] is None
            else:
                mean = mean_score(solved.get(question, ()))
                if question not in solved or mean is not None:
                    hard = 0 if mean is None else 1 - mean
                    assert given[row["id"]] == pytest.approx((quality + hard + 1) / 3)
        for row in rows_of(lineage, m, "appraisals"):
            assert given.get(row["id"], row["form"]) == row["form"] in (0, 0.5, 1)


def test_all_three_roles_go_into_one_update_and_nothing_of_the_probe_does(played):
    _, lineage = played
    for m in lineage.manifests:
        rows = rows_of(lineage, m, "advantages")
        assert {row["sample_id"].partition("-")[0] for row in rows} == {"attempts", "proposals", "appraisals"}
        assert m.trained_on == {"policy": len(rows)}
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        at_probe = {row["id"] for row in rows_of(lineage, m, "attempts") if row["question_id"] in probe}
        of_these = {row["id"] for row in rows_of(lineage, m, "appraisals") if row["row_id"] in at_probe}
        assert at_probe and of_these and not (at_probe | of_these) & {row["sample_id"] for row in rows}
        by_wave = [len(lineage.stage_record(m.round, "train", m.stages[f"train.wave-{wave}"]).inputs["advantages"])
                   for wave in (1, 2)]  # fmt: skip
        assert by_wave == [4, 4], "the solver's, the proposer's, the judge's, and what was dropped"


def test_a_role_is_held_against_its_own_mean(played):
    _, lineage = played
    m = lineage.manifests[0]
    kinds = {"advantage.wave-1": "attempts", "advantage.wave-1.proposer": "proposals",
             "advantage.wave-1.judge": "appraisals"}  # fmt: skip
    for shown, kind in kinds.items():
        assert m.figures[shown]["kept"] > 0
        digest = lineage.stage_record(1, "advantage", m.stages[shown]).tables["advantages"].digest
        (ref,) = [ref for ref in m.tables["advantages"] if ref.digest == digest]
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"].startswith(f"{kind}-")]
        assert len(rows) >= ref.rows
    rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"].startswith("appraisals-")]
    tokens = [value for row in rows for value in row["advantages"]]
    assert sum(tokens) / len(tokens) == pytest.approx(0, abs=1e-3)


def test_the_papers_own_numbers_come_out():
    assert [scaled(score) for score in (1, 5.5, 10)] == [0, 0.5, 1]
    assert proposer_earns(0.8, 0.25, 1) == pytest.approx(0.85)
    assert proposer_earns(0.6, None, 1) == pytest.approx(0.5333, abs=5e-5)
    assert solver_earns(0.8, 1) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "score", "form"),
    [
        ("<score>10</score>", 1, 1),
        ("<score>3</score> no, <score>1</score>", 0, 0.5),
        ("<score>0</score>", None, 1),
        ("<score>11</score>", None, 1),
        ("ten", None, 0),
        ("", None, 0),
    ],
)
def test_a_score_is_read_and_its_form_is_counted(text, score, form):
    pattern = "<score>([^<]*)</score>"
    assert (read_score(text, pattern), form_of(text, pattern)) == (score, form)


def test_a_judge_that_grows_lenient_earns_as_much_as_before_and_raises_the_alarm():
    """Its failure mode: the judge is paid by form alone, and what it says is right drifts; an ill-posed question then
    pays most, since nobody solves it. Attempts at the probe, whose truth is known, show the drift."""
    import pyarrow as pa

    assert form_of("<score>2</score>", "<score>") == form_of("<score>10</score>", "<score>") == 1
    assert proposer_earns(1.0, 0.0, 1) > proposer_earns(0.8, 0.25, 1) > proposer_earns(0.6, None, 1)
    rows = [{"question_id": f"p{n}", "correct": n % 4 == 0} for n in range(60)]  # a fourth of the attempts are right
    found = judge_precision(pa.Table.from_pylist(rows))
    assert found.raised == "below" and found.figure < 0.5


def test_the_form_of_an_answer_is_the_recipes_own_mark():
    with pytest.raises(BadInput, match=r"answers\.pattern is needed"):
        read_recipe(small("multi_agent_evolve", SMALL | {"answers.pattern": None}))
    with pytest.raises(BadInput, match="pattern has 2 groups: expected one, the question"):
        read_recipe(small("multi_agent_evolve", SMALL | {"pose.pattern": "(a)(b)"}))


def test_every_command_works_and_an_appraisal_is_explained_up_to_what_was_judged(played, tmp_path):
    path, lineage = played
    trained = next(
        row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["sample_id"].startswith("appr")
    )
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    assert story["tables"]["appraisals"][0]["row"]["id"] == trained["sample_id"]
    (brought,) = story["tables"]["inputs/documents"]
    assert brought["source"]["key"] == "data.documents"


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/appraise-*")
