"""OpenSIR on the tiny model: from one sum a pool of sums, and both roles of one policy trained in one update."""

import pytest
from transformers import AutoTokenizer

from schemas.alarms import Alarms
from schemas.attempts import ATTEMPTS
from schemas.tables import TABLES
from tasks.audit.alarms import length_drift
from tasks.novelty.embeddings import diversities, embedded
from tasks.reading.posed import masked_span, read_posed
from tasks.statistics.difficulty import tent
from tasks.store.parquet import read_table

from ..shipped import every_command_works, goes_on_to_the_same, rows_of, shipped, small, two_rounds

SMALL = {
    "pose.prompts": 12, "data.probe.sample": 12, "train.policy.waves": 2, "train.policy.steps": 2,
    "train.policy.batch_size": 32, "train.policy.rows_at_once": 32, "evaluate.num_samples": 0,
    "validation.min_policy_rows": 5, "validation.min_vote_precision": 0.2, "gate.sealed": None,
    "gate.level": 0.999, "seed": 2,  # with it the first round is promoted
}  # fmt: skip
RECIPE = shipped("opensir")
WEIGHT = RECIPE["reward_diversity"]["weight"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return two_rounds(small("opensir", SMALL, sample=40), tmp_path_factory.mktemp("opensir"))


def in_order(lineage, m, table):
    """A table's rows of each wave."""
    return [read_table(lineage.folder, ref, TABLES[table]).to_pylist() for ref in m.tables[table]]


def seeds_of(lineage, m):
    return rows_of(lineage, m, "inputs/seeds")


def test_the_pool_grows_from_one_sum_wave_by_wave_and_with_each_promoted_round(played):
    _, lineage = played
    (seed,) = seeds_of(lineage, lineage.manifests[0])
    assert seed["question"] == "1+1+1+1"
    begun = {seed["id"]: seed["question"]}
    pool, newest, joined = begun, {*begun}, 0
    for m in lineage.manifests:
        if m.round > 1 and lineage.manifests[m.round - 2].decision != "promoted":  # its problems are left out
            pool, newest = begun, {*begun}
        for posed, asked in zip(in_order(lineage, m, "proposals"), in_order(lineage, m, "questions"), strict=True):
            shown = {name for row in posed for name in row["shown_ids"]} - {row["id"] for row in seeds_of(lineage, m)}
            assert shown <= pool.keys() and (shown & newest or newest == {seed["id"]})
            assert not {row["question"] for row in asked} & {*pool.values()}
            newest = {row["id"] for row in asked}
            pool = pool | {row["id"]: row["question"] for row in asked}
            joined += len(asked)
    assert joined > 60


def test_a_problem_earns_by_the_tent_by_length_and_by_how_unlike_the_others_it_is(played):
    _, lineage = played
    begun, expected = [row["question"] for row in seeds_of(lineage, lineage.manifests[0])], {}
    pool = begun
    for m in lineage.manifests:
        if m.round > 1 and lineage.manifests[m.round - 2].decision != "promoted":
            pool = begun
        judges = {(row["row_id"], row["judge"]): row["reward"] for row in rows_of(lineage, m, "rewards")}
        verdicts = {row["question_id"]: row for row in rows_of(lineage, m, "verdicts")}
        tokens: dict[str, list[int]] = {}
        for row in rows_of(lineage, m, "attempts"):
            tokens.setdefault(row["question_id"], []).append(row["num_tokens"])
        for asked in in_order(lineage, m, "questions"):
            texts = [row["question"] for row in asked]
            for row, unlike in zip(asked, diversities(embedded(texts), embedded(pool)), strict=True):
                verdict, of = verdicts[row["id"]], tokens[row["id"]]
                rate = verdict["agreement_valid"] if verdict["votes"] > 1 else 0
                expected[row["proposal_id"]] = tent(rate, 8) + sum(of) / len(of) / 56, WEIGHT * unlike
            pool = pool + texts
        summed = {row["sample_id"]: row["reward"] for row in rows_of(lineage, m, "advantages")}
        proposals = [row["id"] for row in rows_of(lineage, m, "proposals")]
        for name in proposals:
            earned = expected.get(name, (-0.1, 0))
            assert (judges[name, "solver"], judges[name, "diversity"]) == pytest.approx(earned, abs=1e-6 * WEIGHT)
            assert summed[name] == pytest.approx(sum(earned), abs=1e-6 * WEIGHT)
        assert len(expected) > 20 and len({*summed.values()}) > 20


def test_both_roles_are_trained_in_one_update_the_student_on_what_lies_under_the_tent(played):
    _, lineage = played
    for m in lineage.manifests:
        trained = [lineage.stage_record(m.round, "train", m.stages[f"train.wave-{wave}"]) for wave in (1, 2)]
        assert [len(record.inputs["advantages"]) for record in trained] == [3, 3], "two tables, and what was dropped"
        rates = {row["question_id"]: row["agreement"] for row in rows_of(lineage, m, "verdicts")}
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"].startswith("attempts")]
        assert {row["kept"] for row in rows} == {True, False}
        assert all(row["kept"] == (0.5 <= rates[row["group"]] <= 0.9) for row in rows)


def test_what_stands_for_the_concepts_is_written_and_not_trained_on(played):
    _, lineage = played
    tokenizer = AutoTokenizer.from_pretrained(RECIPE["model"]["path"])
    for m in lineage.manifests:
        rows = [row for row in rows_of(lineage, m, "advantages") if row["sample_id"].startswith("proposals")]
        for row in rows:
            pairs = list(zip(row["completion_ids"], row["advantages"], strict=True))
            concepts = row["completion"].partition("\n5. ")[2].partition("\n")[0]
            assert tokenizer.decode([token for token, value in pairs if not value]) == concepts
        assert len(rows) > 40


@pytest.mark.parametrize(
    ("problem", "concepts", "is_legal"),
    [
        ("Find the area of a circle.", ["area of a circle"], True),
        ("Find the area of a circle.", ["area of a circle", "squares of numbers", "the number pi"], True),
        ("Find it.", ["area of a circle"], False),
        ("Find the area of a circle.", ["area"], False),
        ("Find the area of a circle.", ["area of a circle"] * 4, False),
        ("Find the area of a circle.", [], False),
    ],
)
def test_a_legal_problem_has_ten_characters_and_one_to_three_concepts_of_ten(problem, concepts, is_legal):
    pose, named = shipped("opensir_math")["pose"], "".join(f"{concept}\n" for concept in concepts)
    text = f"<think>Not <concepts>\nwhat this one\n</concepts></think>\n<problem>\n{problem}\n</problem>\n"
    text += f"<concepts>\n{named}</concepts>"
    found, span = read_posed(text, pose["pattern"]), masked_span(text, pose["masked"])
    assert (found is not None) == (span is not None and len(problem) > 9) == is_legal
    if is_legal:
        assert found.question == problem and text[slice(*span)] == named and span[0] > text.index("</think>")


def test_length_can_be_played_for_and_an_alarm_says_so(draft, given):
    """Its failure mode: as much is paid for a problem of long answers as for one of the right difficulty."""
    longest = RECIPE["reward_proposer"]["length"]
    assert tent(0.7, 8) + 0.25 == pytest.approx(tent(0.5, 8) + 1.0)
    attempts = [
        {"id": f"a{i}", "question_id": "q", "sample": i, "num_planned": 8, "prompt": "?", "text": "7"}
        | {"checkpoint": "c", "num_tokens": longest, "finish_reason": "stop"}
        for i in range(8)
    ]  # fmt: skip
    found = length_drift(draft.read(given(ATTEMPTS, attempts)), {1: {"mean_tokens": 0.3 * longest}})
    assert found.figure == pytest.approx(0.7) and found.figure > Alarms().length_drift.threshold


def test_every_command_works_and_a_trained_problem_is_explained_up_to_the_one_it_grew_from(played, tmp_path):
    path, lineage = played
    m = lineage.manifests[0]
    second = {row["id"] for row in in_order(lineage, m, "proposals")[1]}
    trained = next(row for row in rows_of(lineage, m, "advantages") if row["sample_id"] in second)
    story = every_command_works(path, lineage.store, tmp_path, trained["id"], lineage)
    assert story["tables"].keys() >= {"proposals", "questions", "inputs/seeds", "rewards"}


@pytest.mark.slow
def test_a_killed_round_goes_on_to_the_same_rows_and_weights(played, started, tmp_path):
    path, lineage = played
    goes_on_to_the_same(started, path, tmp_path / "store", lineage, "stages/train-*")
