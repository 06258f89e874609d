"""Exports of rounds that nobody played: what the cards say, what is refused, and what is left when it fails."""

import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard, ModelCard
from markdown_it import MarkdownIt

from schemas.alarms import Alarm
from schemas.dropped import DROPPED
from schemas.errors import BadInput, Damaged
from schemas.manifest import Score
from schemas.sft_examples import SFT_EXAMPLES
from tasks.audit.export import export_round
from tasks.store.objects import write_whole
from tasks.store.parquet import table_ref, write_part
from tasks.store.records import add_record

HOSTILE = (
    "![x](http://evil/p.png) <script>alert(1)</script>\n---\n"
    "# |a|b| **b** `c` \"q\" 'q' \x1b[31m\u202e: - &x *x {{ 1 }}"
)
RECIPE = f'# ```\n# ---\n# {" ".join(HOSTILE.split())}\n[train]\nmethods = ["sft"]\n'.replace("\x1b", "")


@pytest.fixture(params=["disk", "bucket"])
def store(request):
    return request.getfixturevalue({"disk": "rounds", "bucket": "s3_rounds"}[request.param])


DECISIONS = {
    "promoted": "**Promoted:**",
    "held": "**Held:** its candidate did not pass",
    "failed": "**Failed:** validation stopped it",
    "withdrawn": "**Withdrawn after it was published",
}


def example(number):
    return {"id": f"sft_examples-{number}", "question_id": "q", "attempt_id": "a", "prompt": "1+1=\n"} | {
        "completion": HOSTILE, "prompt_ids": None, "completion_ids": None, "agreement": 0.5,
    }  # fmt: skip


def publish(rounds, decision="promoted", recipe=RECIPE, **changes):
    """A round with three SFT examples, one of which validation refused."""
    lineage = rounds.lineage
    folder = lineage.round_folder(lineage.next_round)
    refused = {"id": "sft_examples-1", "table": "sft_examples", "stage": "validate", "reason": HOSTILE}
    rows = {
        SFT_EXAMPLES: [example(number) for number in range(3)],
        DROPPED: [refused | {"figure": None, "threshold": None, "text": None}],
    }
    tables = {}
    for table, these in rows.items():
        home = folder / table.name / ("0" * 32)
        write_part(home / "part-0000.parquet", table, these)
        tables[table.name] = [table_ref(lineage.folder, home, table)]
    write_whole(folder / "recipe.toml", recipe.encode())
    return rounds.publish(decision, tables=tables, dropped={HOSTILE: 1}, trained_on={"sft": 2}, **changes)


def export(rounds, folder, number=1, **options):
    lineage = rounds.lineage
    return export_round(lineage, lineage.manifests[number - 1], folder, **options)


def test_rows_that_validation_refused_are_in_dropped_alone(store, tmp_path):
    publish(store)
    out = tmp_path / "out"
    exported = export(store, out)
    assert (exported.rows, exported.default) == ({"sft_examples": 2, "dropped": 1}, "sft_examples")
    rows = pq.read_table(out / "data/sft_examples").to_pylist()
    assert rows == [example(0), example(2)]
    assert "Validation refused 1 training row" in (out / "README.md").read_text()
    assert sorted(p.name for p in (out / "model").iterdir()) == sorted(
        ["README.md", *(p.name for p in (Path("deployments/models/tiny")).iterdir() if p.suffix != ".md")]
    )
    assert (out / "model/model.safetensors").read_bytes() == Path(
        "deployments/models/tiny/model.safetensors"
    ).read_bytes()


def test_no_name_reason_or_recipe_breaks_a_card(rounds, tmp_path):
    score = Score(accuracy=0.5, low=0.4, high=0.6, n=10)
    publish(
        rounds, reason=HOSTILE, git=HOSTILE, device=HOSTILE, versions={HOSTILE: HOSTILE},
        scores={HOSTILE: {"candidate": score}, "plain": {"candidate": score}},
        inputs={"unusable": {HOSTILE: {HOSTILE: 2}}, "licences": {HOSTILE: HOSTILE, "model": HOSTILE}},
    )  # fmt: skip
    add_record(rounds.lineage.folder, "approve", 1, HOSTILE)
    out = tmp_path / "out"
    export(rounds, out)
    dataset, model = DatasetCard.load(out / "README.md"), ModelCard.load(out / "model/README.md")
    assert [config["config_name"] for config in dataset.data.configs] == ["sft_examples", "dropped"]
    names = [(result.dataset_name, result.metric_value) for result in model.data.eval_results]
    assert names == [(HOSTILE.replace("\x1b", "?").replace("\u202e", "?").replace("\n", "?"), 0.5), ("plain", 0.5)]
    for card in (dataset, model):
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(card.text)
        for mark in ("<a", "<img", "<script", "<em", "<hr", "\x1b", "\u202e"):
            assert mark not in html, html
        assert [html.count(f"<{tag}>") for tag in ("h1", "pre")] == [1, 2], "title; snippet"
        assert html.rstrip().endswith("</code></pre>"), "the recipe stays in its block"


@pytest.mark.parametrize(("decision", "words"), DECISIONS.items())
def test_the_card_says_what_became_of_the_round(rounds, tmp_path, decision, words):
    publish(rounds, decision)
    exported = export(rounds, tmp_path / "out")
    text = DatasetCard.load(tmp_path / "out/README.md").text
    assert [said for said in DECISIONS.values() if said in text] == [words]
    assert ("The weights are not part of this export." in text) == (decision == "failed")
    assert exported.model == (tmp_path / "out/model").is_dir() == (decision != "failed")


def test_the_cards_tell_the_rounds_alarms(rounds, tmp_path):
    publish(rounds, alarms=[Alarm(name="unanimous", level="hold", figure=0.95, threshold=0.9, text="95% agree")])
    export(rounds, tmp_path / "out")
    for card in ("README.md", "model/README.md"):
        assert "**Alarm (hold), unanimous:** 95% agree" in (tmp_path / "out" / card).read_text()


def test_the_card_says_what_is_awaited_and_from_whom_it_descends(rounds, tmp_path):
    publish(rounds, "withdrawn")
    publish(rounds, "held", awaiting=True, parent="small/1")
    export(rounds, tmp_path / "out", 2)
    text = (tmp_path / "out/README.md").read_text()
    assert "awaits approval" in text
    assert "**It descends from small/1, which was withdrawn.**" in text
    digests = [m.candidate.digest for m in rounds.lineage.manifests] + [rounds.base.digest]
    assert all(digest in text for digest in digests)
    assert "the lineage's champion was the base model" in text


def test_a_parent_that_is_no_earlier_round_ends_the_line_of_descent(rounds, tmp_path):
    publish(rounds, parent="small/1")
    export(rounds, tmp_path / "out")
    assert (tmp_path / "out/README.md").read_text().count("| small/1 |") == 1


def test_weights_that_a_record_dropped_are_not_exported_but_the_rows_are(rounds, tmp_path):
    publish(rounds, "held")
    add_record(rounds.lineage.folder, "drop-weights", 1, "beyond the newest")
    with pytest.raises(BadInput, match=r"small/1: its weights were dropped; its rows alone: add --data-only"):
        export(rounds, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not export(rounds, tmp_path / "out", data_only=True).model
    text = (tmp_path / "out/README.md").read_text()
    assert "The weights are not part of this export." in text
    assert "drop\\-weights\\: beyond" not in text
    assert "drop\\-weights: beyond the newest" in text


@pytest.mark.parametrize(
    ("what", "damage", "line"),
    [
        ("part", "flip", "part-0000.parquet: not the file that was written"),
        ("part", "remove", "part-0000.parquet: not the file that was written"),
        ("recipe", "flip", "recipe.toml: not the file that was written"),
        ("recipe", "remove", "recipe.toml: gone"),
        ("weights", "flip", "model.safetensors: not the file that was written"),
        ("weights", "remove", "model.safetensors: gone"),
        ("listing", "flip", "object.json: "),
        ("listing", "remove", "these weights are not in the store"),
    ],
)
def test_what_is_not_as_it_was_published_is_refused_and_leaves_nothing(rounds, tmp_path, what, damage, line):
    m = publish(rounds)
    home = rounds.store / "objects" / m.candidate.digest
    path = {
        "part": rounds.store / "small" / m.tables["sft_examples"][0].path / "part-0000.parquet",
        "recipe": rounds.lineage.round_folder(1) / "recipe.toml",
        "weights": home / "model.safetensors",
        "listing": home / "object.json",
    }[what]
    content = path.read_bytes()
    path.unlink()
    if damage == "flip":
        path.write_bytes(content[:8] + bytes([content[8] ^ 0x80]) + content[9:])
    target = tmp_path / "deep/er"
    with pytest.raises(Damaged) as refused:
        export(rounds, target)
    assert line in str(refused.value)
    assert list(target.parent.iterdir()) == [], "no folder, no draft"


def test_a_folder_that_is_not_new_or_empty_is_left_as_it_is(rounds, tmp_path, monkeypatch):
    publish(rounds)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for target, line in (
        (tmp_path / "full", "not empty"),
        (tmp_path / "file", "not a folder"),
        (tmp_path / "file/below", "no folder can be made there"),
        (Path("."), "cannot be replaced while it is in use"),
        (Path("/proc"), "cannot be replaced while it is in use"),
    ):
        with pytest.raises(BadInput, match=line):
            export(rounds, target)
    assert {p.name for p in tmp_path.iterdir()} == {"full", "file", "here", "store", "weights"}
    assert (tmp_path / "full/mine").read_text() == (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_and_a_link_to_one_will_do(rounds, tmp_path):
    publish(rounds)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    assert export(rounds, tmp_path / "link").folder == tmp_path / "empty"
    assert (tmp_path / "link/README.md").is_file()
    mask = os.umask(0o022)
    os.umask(mask)
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_folder_that_somebody_fills_meanwhile_is_theirs(rounds, tmp_path, monkeypatch):
    publish(rounds)
    copy, target = shutil.copyfile, tmp_path / "out"

    def copied_while_another_writes(source, to, **options):
        target.mkdir(exist_ok=True)
        (target / "theirs").write_text("theirs")
        return copy(source, to, **options)

    monkeypatch.setattr(shutil, "copyfile", copied_while_another_writes)
    with pytest.raises(BadInput, match="somebody else wrote there"):
        export(rounds, target)
    assert [p.name for p in target.iterdir()] == ["theirs"]
    assert not list(tmp_path.glob(".export-*"))
