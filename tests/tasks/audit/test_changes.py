import orjson
import pytest

from schemas.manifest import StageRecord
from tasks.audit.changes import changes, code_of_stages, prompt_changes, recipe_values, stage_records
from tasks.store.naming import open_round


def record(stage="solve", code="c1", **prompts):
    return StageRecord(
        stage=stage, key="k", inputs={}, settings={}, prompts=prompts, code=code, versions={}, tables={}, figures={},
        dropped={}, seconds=0, tokens=0,
    )  # fmt: skip


def test_a_recipe_is_compared_by_dotted_keys_and_benchmarks_by_their_names(rounds):
    texts = (
        '[train.sft]\nsteps = 200\nlr = 1e-3\n[[benchmarks]]\nname = "sums"\npath = "a"\n',
        '# a comment\n[train.sft]\nlr = 0.001\nsteps = 300\n[[benchmarks]]\nname = "sums"\npath = "b"\n'
        "[gate]\nx = []\n",
    )
    values = []
    for number, text in enumerate(texts, 1):
        rounds.publish("promoted")
        (rounds.lineage.round_folder(number) / "recipe.toml").write_text(text)
        values.append(recipe_values(*open_round(rounds.store, str(number))))
    assert [(c.name, c.before, c.after) for c in changes(*values)] == [
        ("benchmarks[sums].path", "a", "b"),
        ("gate.x", None, []),
        ("train.sft.steps", 200, 300),
    ]


@pytest.mark.parametrize("content", [b'name = "cut', b"\xff\xfe\x00", None])
def test_a_recipe_that_cannot_be_read_is_unknown(rounds, content):
    rounds.publish("promoted")
    if content is not None:
        (rounds.lineage.round_folder(1) / "recipe.toml").write_bytes(content)
    assert recipe_values(*open_round(rounds.store, "1")) is None


def test_a_prompt_change_is_a_unified_diff_of_its_text():
    before = {"solve": record(solve_math="a\nb\nc\n"), "judge": None, "propose": record(same="x")}
    after = {"solve": record(solve_math="a\nB\nc\n"), "evaluate.base": record(new="n"), "propose": record(same="x")}
    new, changed = prompt_changes(before, after)
    assert (new.name, new.lines) == ("new", ["@@ -0,0 +1 @@", "+n"])
    assert (changed.name, changed.lines) == ("solve_math", ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"])


def test_code_changes_are_told_by_stage(rounds):
    for number, code in enumerate(("c1", "c2"), 1):
        rounds.publish("promoted", stages={"evaluate.base": "k", "judge": "gone"})
        marker = rounds.lineage.marker(number, "evaluate", "k")
        marker.parent.mkdir()
        marker.write_bytes(orjson.dumps(record("evaluate", code).model_dump()))
    one, two = (stage_records(*open_round(rounds.store, str(n))) for n in (1, 2))
    assert one["judge"] is None
    (change,) = changes(code_of_stages(one), code_of_stages(two))
    assert (change.name, change.before, change.after) == ("evaluate", "c1", "c2")
