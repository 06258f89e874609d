"""SRT on the tiny model: questions without answers, labelled by the vote; and its collapse, on the smallest scale."""

from collections import Counter

import pyarrow as pa
import pytest

from flows.recipes import read_recipe
from schemas.alarms import Alarms
from schemas.errors import BadInput
from schemas.settings import Select, Vote
from tasks.audit import alarms
from tasks.checks.judging import votes_on
from tasks.rules.select import off_band
from tasks.waves import in_wave

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, small, two_rounds

SMALL = {
    "data.unlabelled.sample": 30, "data.probe.sample": 12, "solve.num_samples": 8, "vote.reward": "share",
    "vote.min_share": 0.4, "train.policy.waves": 2, "train.policy.steps": 2, "train.policy.batch_size": 32,
    "train.policy.rows_at_once": 32, "evaluate.num_samples": 0, "validation.min_policy_rows": 5,
    "validation.min_vote_precision": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("srt", SMALL, sample=40), tmp_path_factory.mktemp("srt"))


def test_every_wave_asks_its_share_of_the_users_questions_and_of_the_probe(played):
    _, lineage = played
    assert len(lineage.manifests) == 2
    for m in lineage.manifests:
        texts = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/unlabelled")}
        probe = {row["id"]: row["question"] for row in rows_of(lineage, m, "inputs/probe")}
        asked = Counter(row["question_id"] for row in rows_of(lineage, m, "attempts"))
        assert asked == dict.fromkeys(texts | probe, 8) and len(texts) == 30
        for wave in (1, 2):
            solved = lineage.stage_record(m.round, "vote", m.stages[f"vote.wave-{wave}"])
            assert solved.tables["verdicts"].rows == sum(in_wave(text, (wave, 2)) for text in texts.values())


def test_an_attempt_earns_the_share_of_the_valid_answers_that_are_its_own(played):
    _, lineage = played
    for m in lineage.manifests:
        said = {}
        for row in rows_of(lineage, m, "answers"):
            said.setdefault(row["question_id"], {})[row["attempt_id"]] = row["canonical"]
        rewards = {row["row_id"]: row["reward"] for row in rows_of(lineage, m, "rewards")}
        verdicts = rows_of(lineage, m, "verdicts")
        for verdict in verdicts:
            answers = said[verdict["question_id"]]
            counts = Counter(filter(None, answers.values()))
            (_, most), *others = [*counts.most_common(2), (None, 0)]
            labelled = most > others[0][1] and most / counts.total() >= 0.4
            assert (verdict["answer"] is not None) == labelled
            for attempt, answer in answers.items():
                assert rewards[attempt] == (counts[answer] / counts.total() if labelled else None), attempt
        selected = rows_of(lineage, m, "selections")
        label_of = {verdict["question_id"]: verdict["answer"] for verdict in verdicts}
        assert selected and all(label_of[row["question_id"]] == row["answer"] for row in selected)
        trained = {row["group"] for row in rows_of(lineage, m, "advantages") if row["kept"]}
        assert trained == {row["question_id"] for row in selected}


def test_every_command_works_and_a_trained_row_is_explained_up_to_the_users_row(played, tmp_path):
    path, lineage = played
    trained = next(row for row in rows_of(lineage, lineage.manifests[0], "advantages") if row["kept"])
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    (brought,) = story["tables"]["inputs/unlabelled"]
    assert brought["source"]["key"] == "data.unlabelled"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"vote.rule": "string"}, "go with rule = 'classes'; here with 'string'"),
        ({"solve.early_stopping": True}, "early_stopping = false"),
        ({"data.seeds": {"path": "a", "question": "b"}}, "data.seeds: method = 'srt' does not read it"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes, line):
    with pytest.raises(BadInput, match=line):
        read_recipe(small("srt", SMALL | changes))


WAVES, QUESTIONS, SAMPLES = 40, 30, 16
TEMPLATE = 0  # an answer that is likely whatever is asked


def collapsed(recipe):
    """Waves of SRT by a policy of 300 probabilities, and the vote's rows of each: a logit a question and answer, and
    one an answer that all questions share, as weights do. No question has the template for its true answer."""
    import torch

    from tasks.training.advantages import leave_one_out

    chance = torch.Generator().manual_seed(1)
    truth = torch.arange(QUESTIONS) % 9 + 1
    own, shared = torch.zeros(QUESTIONS, 10), torch.zeros(10)
    own[torch.arange(QUESTIONS), truth] = torch.linspace(1, 4, QUESTIONS)
    shared[TEMPLATE] = 2.0
    told = []
    for _ in range(WAVES):
        chances = torch.softmax(own + shared, -1)
        drawn = torch.multinomial(chances, SAMPLES, replacement=True, generator=chance)
        attempts = [
            (str(q), [{"text": f"#{answer}", "finish_reason": "stop"} for answer in answers])
            for q, answers in enumerate(drawn.tolist())
        ]
        judged = [*votes_on(attempts, Vote(), recipe.answers, lambda pairs: [])]
        told.append([row(each, str(truth[int(each.question)].item())) for each in judged])
        rewards = torch.tensor([[reward or 0.0 for reward in each.rewards] for each in judged])
        said = torch.nn.functional.one_hot(drawn, 10).float() - chances.unsqueeze(1)
        gradient = (leave_one_out(rewards).unsqueeze(-1) * said).mean(1)
        own, shared = own + 0.1 * gradient, shared + gradient.sum(0)
    return told


def row(judged, truth):
    verdict = judged.verdict
    classes = [{"answer": answer, "count": count} for answer, count in verdict.classes]
    found = {name: getattr(verdict, name) for name in ("answer", "votes", "num_attempts", "num_valid", "tied")}
    found |= {"agreement": verdict.agreement, "agreement_valid": verdict.agreement_valid, "classes": classes}
    return found | {"correct": verdict.answer == truth if verdict.answer else None}


def test_the_reward_rises_while_the_labels_go_wrong_and_alarms_and_band_see_it(recipe):
    told = [pa.Table.from_pylist(rows) for rows in collapsed(recipe)]
    probe = pa.Table.from_pylist([{"question": str(q), "reference": str(q % 9 + 1)} for q in range(QUESTIONS)])
    hacked = [alarms.reward_hacking(probe, each, each, {}).measured for each in (told[0], told[-1])]
    (first, last), rules = hacked, Alarms()
    assert last["reward"] > 0.95 > 0.7 > first["reward"]
    assert last["right"] / last["decided"] < 0.1 and first["right"] / first["decided"] > 0.5
    found = alarms.reward_hacking(probe, told[-1], told[-1], {1: first})
    assert rules.reward_hacking.level == "hold" and found.figure > rules.reward_hacking.threshold
    assert rules.same_answer.level == "hold" and alarms.same_answer(told[-1]).figure > 0.9
    assert alarms.same_answer(told[0]).figure < rules.same_answer.threshold
    band = Select(min_agreement=0.2, max_agreement=0.9)
    why = Counter(off_band(verdict, band) for verdict in told[-1].to_pylist())
    assert why["above_band"] > 0.9 * QUESTIONS, "and so it is trained on no further"


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/train-*")
