"""KnowRL on the tiny model: what it says that it can do and cannot; and the constant label that consensus rewards."""

from collections import Counter

import pyarrow as pa
import pytest

from flows.recipes import read_recipe
from schemas.alarms import Alarms
from schemas.settings import Contamination, Select, Vote
from tasks.answers.outcomes import Outcome
from tasks.audit import alarms
from tasks.checks.judging import votes_on
from tasks.rules.select import ADMITTED, Admission, balance
from tasks.waves import in_wave

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "feasible.documents": 80, "infeasible.documents": 50, "data.probe.sample": 12, "train.policy.waves": 2,
    "train.policy.steps": 2, "train.policy.batch_size": 16, "train.policy.rows_at_once": 16,
    "evaluate.num_samples": 0, "validation.min_policy_rows": 5, "validation.min_vote_precision": 0.2,
}  # fmt: skip
CAN, CANNOT = "0", "9"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("knowrl", SMALL, sample=60), tmp_path_factory.mktemp("knowrl"))


def test_tasks_of_both_kinds_are_written_from_the_seeds_and_each_is_asked_about(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        seeds = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/seeds")}
        shown_of = {row["id"]: row["shown_ids"] for row in rows_of(lineage, m, "proposals")}
        tasks = {row["id"]: row for row in rows_of(lineage, m, "questions")}
        for task in tasks.values():
            numbers = "+".join(seeds[shown] for shown in shown_of[task["proposal_id"]] if shown in seeds)
            longer = len(task["question"].split("+")) > 6
            assert not longer or len(shown_of[task["proposal_id"]]) == 2
            assert not longer or m.round > 1 or task["question"].startswith(numbers[:11])
        assert {len(task["question"].split("+")) for task in tasks.values()} >= {4, 5, 6, 7, 8}
        probe = {row["id"] for row in rows_of(lineage, m, "inputs/probe")}
        asked = Counter(row["question_id"] for row in rows_of(lineage, m, "attempts"))
        assert asked == dict.fromkeys(tasks.keys() | probe, 8)
        assert not rows_of(lineage, m, "answer_keys"), "what was intended is no reward"


def test_as_many_tasks_of_each_label_are_trained_on_and_agreement_is_the_reward(played):
    _, lineage = played
    for m in lineage.manifests:
        verdicts = {row["question_id"]: row for row in rows_of(lineage, m, "verdicts")}
        said = {row["attempt_id"]: (row["question_id"], row["canonical"]) for row in rows_of(lineage, m, "answers")}
        for row in rows_of(lineage, m, "rewards"):
            question, label = said[row["row_id"]]
            verdict = verdicts[question]["answer"]
            assert row["reward"] == (None if verdict is None else float(label == verdict))
        selected = rows_of(lineage, m, "selections")
        for wave in (1, 2):
            labels = Counter(row["answer"] for row in selected if in_wave(row["question"], (wave, 2)))
            assert labels[CAN] == labels[CANNOT] > 0 and labels.keys() == {CAN, CANNOT}
        assert all(0.5 <= verdicts[row["question_id"]]["agreement"] <= 0.9 for row in selected)
        trained = {row["group"] for row in rows_of(lineage, m, "advantages")}
        assert trained == {row["question_id"] for row in selected}


def test_every_command_works_and_a_trained_row_is_explained_up_to_its_seeds(played, tmp_path):
    path, lineage = played
    trained = rows_of(lineage, lineage.manifests[0], "advantages")[0]
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    assert story["tables"].keys() >= {"proposals", "questions", "attempts", "verdicts", "selections"}
    assert {told["source"]["key"] for told in story["tables"]["inputs/seeds"]} == {"data.seeds"}


def test_the_full_size_recipe_loads():
    assert read_recipe(shipped("knowrl_tasks")).infeasible.prompt == "instruct_infeasible"


def judged(recipe, labels_of):
    """The vote on what is said of each task."""
    attempts = [
        (task, [{"text": label, "finish_reason": "stop"} for label in labels]) for task, labels in labels_of.items()
    ]
    return [*votes_on(attempts, Vote(), recipe.answers, lambda pairs: [Outcome.DIFFERENT])]


def row(judged):
    verdict = judged.verdict
    classes = [{"answer": answer, "count": count} for answer, count in verdict.classes]
    found = {name: getattr(verdict, name) for name in ("answer", "votes", "num_attempts", "num_valid", "tied")}
    return found | {"agreement": verdict.agreement, "agreement_valid": verdict.agreement_valid, "classes": classes}


@pytest.fixture
def knowrl():
    return read_recipe(shipped("knowrl"))


def test_of_eight_that_say_can_six_times_the_agreement_is_three_quarters_and_six_are_paid(knowrl):
    (found,) = judged(knowrl, {"a": [CAN] * 6 + [CANNOT] * 2})
    assert (found.verdict.answer, found.verdict.agreement) == (CAN, 0.75)
    assert found.rewards == [1.0] * 6 + [0.0] * 2


def admitted(settings, rows):
    admission = Admission(settings, Contamination(), rows)
    return [admission.admit(row) for row in rows]


def test_no_label_has_more_tasks_than_the_second_most_frequent_has_in_the_band(knowrl):
    can, cannot, unanimous = (
        [CAN] * 6 + [CANNOT] * 2,
        [CANNOT] * 5 + [CAN] * 3,
        [CANNOT] * 8,
    )
    labels = {"a": can, "b": can, "c": can, "d": cannot, "e": unanimous, "f": unanimous}
    rows = [row(each) for each in judged(knowrl, labels)]
    assert balance(rows, knowrl.select) == 1, "those above the band do not count"
    why = admitted(knowrl.select, rows)
    assert why[:2] == [ADMITTED, ("answer_over_balance", 2, 1)] and why[3] == ADMITTED
    assert [reason for reason, *_ in why[4:]] == ["above_band"] * 2
    free = knowrl.select.model_copy(update={"balanced": False})
    assert balance(rows, free) is None and admitted(free, rows)[:4] == [ADMITTED] * 4


def test_a_policy_that_falls_for_one_label_earns_everything_and_is_trained_on_nothing(knowrl):
    """Consensus without balance: a logit a task and one that all share, as weights do; half of the tasks are of each
    kind, and slightly more is said of one."""
    import torch

    from tasks.training.advantages import leave_one_out

    tasks, samples, chance = 40, 8, torch.Generator().manual_seed(1)
    own, shared, told = torch.linspace(-1, 1, tasks), torch.tensor(1.5), []
    for _ in range(60):
        can = torch.sigmoid(own + shared)
        drawn = torch.bernoulli(can.expand(samples, tasks).T.contiguous(), generator=chance)
        labels = {f"{n:02}": [CAN if each else CANNOT for each in said] for n, said in enumerate(drawn.tolist())}
        found = judged(knowrl, labels)
        told.append(found)
        rewards = torch.tensor([[reward or 0.0 for reward in each.rewards] for each in found])  # a tie pays nobody
        gradient = (leave_one_out(rewards) * (drawn - can.unsqueeze(1))).mean(1)
        own, shared = own + 0.1 * gradient, shared + gradient.sum()
    first, last = ([row(each) for each in told[wave]] for wave in (0, -1))
    rewards = [sum(each["agreement"] for each in rows) / tasks for rows in (first, last)]
    assert rewards[1] > 0.99 > 0.9 > rewards[0] and {each["answer"] for each in last} == {CAN}
    found, rule = alarms.same_answer(pa.Table.from_pylist(last)), knowrl.alarms.same_answer
    assert rule.level == "hold" and found.figure > rule.threshold > Alarms().same_answer.threshold
    assert {reason for reason, *_ in admitted(knowrl.select, last)} <= {"above_band", "answer_over_balance"}
    unbound = Select(min_agreement=0, max_agreement=1, balanced=True)
    assert {reason for reason, *_ in admitted(unbound, last)} == {"answer_over_balance"}, "balance alone sees it, too"


@pytest.mark.slow
def test_a_round_that_was_killed_while_posing_ends_as_if_it_had_not(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "proposals/*/part-*")
