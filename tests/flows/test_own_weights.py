"""Two policies in a round: each with a base, a champion and a candidate of its own, and one gate for both."""

import json
import shutil

import pytest
import tomli_w
from safetensors.torch import load_file, save_file

from flows.console import Console
from flows.plan import Planner, next_round
from flows.preflight import preflight
from flows.run import run_recipe
from schemas.errors import BadInput
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.naming import open_checkpoint
from tasks.store.retention import needed_weights

from .faults import ROOT
from .methods.test_spice import SMALL
from .shipped import asked, rows_of, small

TINY = ROOT / "deployments/models/tiny"


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """The tiny model, a little other."""
    folder = tmp_path_factory.mktemp("models") / "another"
    shutil.copytree(TINY, folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in sorted(weights) if "mlp" in name)
    save_file(weights | {name: weights[name] * 1.001}, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def played(another, tmp_path_factory):
    """One round, whose gate asks for little."""
    asked_for = {"models": {"proposer": {"path": str(another)}}, "gate.level": 0.6, "gate.sealed": None}
    path = tmp_path_factory.mktemp("two policies") / "recipe.toml"
    path.write_text(tomli_w.dumps(small("spice", SMALL | asked_for, sample=60)))
    run_recipe(path, path.parent / "store", 1, Console(to_stderr=True))
    return path, open_lineage(path.parent / "store", "spice")


def test_each_role_is_asked_of_its_own_policy_and_trained_on_its_own_rows(played):
    _, lineage = played
    (m,) = lineage.manifests
    record = {shown: lineage.stage_record(1, shown.partition(".")[0], key) for shown, key in m.stages.items()}
    now = {"": m.base.digest, ".proposer": m.own["proposer"].base.digest}
    assert len({*now.values()}) == 2
    for wave in ("wave-1", "wave-2"):
        assert record[f"solve.{wave}"].inputs["model"] == now[""]
        assert record[f"pose.{wave}"].inputs["model"] == now[".proposer"]
        for role, weights in now.items():
            valued, trained = record[f"advantage.{wave}{role}"], record[f"train.{wave}{role}"]
            assert valued.inputs["model"] == trained.inputs["model"] == weights
            assert trained.inputs["advantages"][0] == valued.tables["advantages"].digest
            now[role] = trained.figures["checkpoint"]
    assert now == {"": m.candidate.digest, ".proposer": m.own_candidates["proposer"].digest}
    assert m.trained_on == {"policy": len(rows_of(lineage, m, "advantages"))}


def test_a_promotion_makes_both_candidates_champions_and_a_withdrawal_neither(played, tmp_path):
    path, lineage = played
    store = shutil.copytree(lineage.store, tmp_path / "store")
    (m,) = lineage.manifests
    assert m.decision == "promoted"
    begun = next_round(preflight(path, store), open_lineage(store, "spice"), Planner())
    assert (begun.champion, begun.own["proposer"].champion) == (m.candidate, m.own_candidates["proposer"])
    asked("withdraw", "spice/1", "--reason", "a test", "--store", str(store))
    begun = next_round(preflight(path, store), open_lineage(store, "spice"), Planner())
    assert (begun.champion, begun.own["proposer"].champion) == (m.base, m.own["proposer"].base)
    assert examine_store(store).damage == ()


def test_weights_of_a_role_are_kept_and_have_a_name(played):
    _, lineage = played
    (m,) = lineage.manifests
    proposer, candidate = m.own["proposer"], m.own_candidates["proposer"]
    assert {candidate.digest, proposer.base.digest} <= needed_weights(lineage.manifests).keys()
    for name, weights in (("1", candidate), ("champion", candidate), ("base", proposer.base)):
        assert open_checkpoint(lineage.store, f"spice/{name}/proposer")[2] == weights
    with pytest.raises(BadInput, match="spice/1/judge: it has no weights: none of a judge alone"):
        open_checkpoint(lineage.store, "spice/1/judge")


def test_another_base_of_a_role_needs_a_new_lineage(played, another, tmp_path):
    path, lineage = played
    other = tmp_path / "recipe.toml"
    other.write_text(path.read_text().replace(str(another), str(TINY)))
    with pytest.raises(BadInput, match="the base of the proposer differs from round spice/1's"):
        preflight(other, lineage.store)


def test_a_trained_row_names_the_weights_that_it_made(played):
    _, lineage = played
    (m,) = lineage.manifests
    assert examine_store(lineage.store).damage == ()
    rows = {row["sample_id"].partition("-")[0]: row["id"] for row in rows_of(lineage, m, "advantages")}
    for samples, weights in (("proposals", m.own_candidates["proposer"]), ("attempts", m.candidate)):
        found = json.loads(asked("where", rows[samples], "--store", str(lineage.store), "--json"))
        assert weights.digest in json.dumps(found)
        assert ({m.candidate, m.own_candidates["proposer"]} - {weights}).pop().digest not in json.dumps(found)
