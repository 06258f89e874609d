"""SPICE on the tiny model: two roles of one policy on solved sums, both rewarded and trained in one update."""

import pytest

from tasks.novelty.runs import WordRuns
from tasks.statistics.difficulty import gaussian_of_variance

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "pose.documents": 20, "solve.num_samples": 4, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "evaluate.num_samples": 0,
    "validation.min_policy_rows": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("spice", SMALL, sample=60), tmp_path_factory.mktemp("spice"))


def of_wave(lineage, m, shown):
    return lineage.stage_record(m.round, shown.partition(".")[0], m.stages[shown])


def test_each_wave_trains_once_on_what_its_policy_wrote_in_both_roles(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        for wave in (1, 2):
            trained = of_wave(lineage, m, f"train.wave-{wave}")
            solver, proposer = (
                of_wave(lineage, m, f"advantage.wave-{wave}{role}").tables["advantages"] for role in ("", ".proposer")
            )
            assert trained.inputs["advantages"][:2] == [solver.digest, proposer.digest]
            by_policy = [of_wave(lineage, m, f"{stage}.wave-{wave}").inputs["model"] for stage in ("pose", "solve")]
            assert len({*by_policy, trained.inputs["model"]}) == 1
        samples = {row["sample_id"].partition("-")[0] for row in rows_of(lineage, m, "advantages")}
        assert samples == {"attempts", "proposals"}
        assert m.trained_on == {"policy": len(rows_of(lineage, m, "advantages"))}


def test_an_attempt_is_held_against_the_key_and_a_proposal_earns_by_the_solvers_success(played):
    _, lineage = played
    for m in lineage.manifests:
        rewards = {row["row_id"]: row for row in rows_of(lineage, m, "rewards")}
        keys = {row["question_id"]: row["answer"] for row in rows_of(lineage, m, "answer_keys")}
        right = {}
        for attempt in rows_of(lineage, m, "attempts"):
            said = attempt["text"].rpartition("#")[2] == keys[attempt["question_id"]]
            assert rewards[attempt["id"]]["reward"] == float(said), attempt
            right.setdefault(attempt["question_id"], []).append(said)
        asked = {row["proposal_id"]: row["id"] for row in rows_of(lineage, m, "questions")}
        assert rewards.keys() == {p["id"] for t in ("attempts", "proposals") for p in rows_of(lineage, m, t)}
        for proposal in rows_of(lineage, m, "proposals"):
            reward = rewards[proposal["id"]]["reward"]
            if marks := right.get(asked.get(proposal["id"], "")):
                assert reward == pytest.approx(gaussian_of_variance(sum(marks) / len(marks)))
            else:
                assert reward in (-0.1, None)


def test_the_solver_never_sees_a_document(played):
    _, lineage = played
    for m in lineage.manifests:
        hidden = WordRuns((row["text"] for row in rows_of(lineage, m, "inputs/documents")), 3)
        asked = {row["id"]: row["question"] for row in rows_of(lineage, m, "questions")}
        for attempt in rows_of(lineage, m, "attempts"):
            assert hidden.find(attempt["prompt"].replace(asked[attempt["question_id"]], " ")) is None


def test_each_round_reads_other_documents(played):
    _, lineage = played
    shown = [
        {name for row in rows_of(lineage, m, "proposals") for name in row["shown_ids"]} for m in lineage.manifests
    ]
    text = [{row["id"]: row["text"] for row in rows_of(lineage, m, "inputs/documents")} for m in lineage.manifests]
    first, second = ({of[name] for name in names} for of, names in zip(text, shown, strict=True))
    assert len(first) == len(second) == 20 and first != second


def test_every_command_works_and_a_trained_row_is_explained_up_to_the_document_and_its_licence(played, tmp_path):
    path, lineage = played
    trained = next(
        row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["sample_id"].startswith("attempts")
    )
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (brought,) = story["tables"]["inputs/documents"]
    assert brought["source"]["key"] == "data.documents"
    assert brought["row"]["licence"] == "CC0-1.0"
    (question,) = story["tables"]["questions"]
    assert question["row"]["question"].startswith(brought["row"]["text"].partition("=")[0])


@pytest.mark.slow
def test_a_round_that_was_killed_while_asking_and_between_waves_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "proposals/*/part-*", "stages/train-*")
