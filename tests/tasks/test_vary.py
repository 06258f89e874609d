"""A tree of variants: what may stand in it, and what is found to be a test question."""

import pytest

from schemas.inputs import BENCHMARK_ITEMS, SEEDS
from schemas.settings import Contamination, Sampling
from schemas.varying import Vary
from tasks.prompts import load_prompt
from tasks.roles import Role
from tasks.vary import _key, vary

SETTINGS = Vary(
    prompt="vary_sums", branching=3, depth=2, parents_per_shard=4, pattern=r"^(?:2\. )?([1-9](?:\+[1-9]){3,4})$",
    sampling=Sampling(temperature=1.0, max_tokens=24, stop=("=", "\n")),
)  # fmt: skip
ROOTS = ["4+9+1+2+6+7", "3+9+6+9+2+2", "7+3+9+6+4+1"]


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    def run(items=("1+1",), roots=ROOTS, **changes):
        draft.written = set()
        seeds = [{"id": f"s{i}", "question": text, "source_row": i} for i, text in enumerate(roots)]
        bench = [
            {"id": f"b{i}", "benchmark": "b", "sealed": False, "question": text, "reference": "1", "source_row": i}
            for i, text in enumerate(items)
        ]
        draft.key = f"{len(items):032x}"
        figures = vary(
            draft, settings=SETTINGS.model_copy(update=changes), checks=recipe.answers, protection=Contamination(),
            proposer=Role(recipe.engine, load_prompt("vary_sums", tmp_path), tiny), round=draft.round,
            seeds=given(SEEDS, seeds), benchmark_items=given(BENCHMARK_ITEMS, bench),
        )  # fmt: skip
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def test_each_level_is_written_from_the_variants_of_the_one_before(play):
    figures, tables = play()
    texts = {f"s{i}": text for i, text in enumerate(ROOTS)} | {r["id"]: r["question"] for r in tables["questions"]}
    made_from = {row["id"]: (row["wave"], *row["shown_ids"]) for row in tables["proposals"]}
    assert [level for level, _ in made_from.values()].count(0) == 3 * len(ROOTS)
    first = {row["id"] for row in tables["questions"] if made_from[row["proposal_id"]][0] == 0}
    second = [parent for level, parent in made_from.values() if level == 1]
    assert first and sorted(second) == sorted(3 * list(first)), "three of each that was admitted"
    assert len(set(texts.values())) == len(texts), "no variant stands in the tree twice"
    assert figures["of_the_whole_tree"] == len(tables["questions"]) / (3 * 12)
    keys = {row["question_id"]: row["answer"] for row in tables["answer_keys"]}
    assert keys == {r["id"]: str(sum(map(int, r["question"].split("+")))) for r in tables["questions"]}


def test_a_variant_that_is_a_test_question_is_none_and_has_no_variants(play):
    """The failure mode: a tree may lead to the very questions that measure."""
    _, before = play()
    made = {row["id"]: row["wave"] for row in before["proposals"]}
    test = next(row["question"] for row in before["questions"] if made[row["proposal_id"]] == 0)
    _, after = play(items=("1+1", test))
    assert test not in {row["question"] for row in after["questions"]}
    refused = {row["text"]: row for row in after["dropped"]}
    assert refused[test]["reason"] == "contaminated_exact"
    assert not any(refused[test]["id"] in row["shown_ids"] for row in after["proposals"])


def test_what_could_not_be_checked_has_no_key(recipe):
    integral = recipe.answers.model_copy(update={"equivalence": "integral"})
    assert [_key(text, integral) for text in ("2x", "an easy one", "xy")] == ["2x", "", ""]
    assert [_key(text, recipe.answers) for text in ("1+2", "7/2", "x", "1/0")] == ["3", "7/2", "", ""]
