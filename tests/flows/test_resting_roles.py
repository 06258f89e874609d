"""Roles that are not trained in every wave: who rests, which of its rows wait for it, and what is refused."""

import pytest
import tomli_w

from flows.console import Console
from flows.methods.spice import SpiceRecipe
from flows.recipes import read_recipe
from flows.run import run_recipe
from schemas.errors import BadInput
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage

from .faults import ROOT
from .methods.test_spice import SMALL
from .shipped import rows_of, small

ROLES = {"solver": "", "proposer": ".proposer"}
THREE_WAVES = SMALL | {"pose.documents": 18, "train.policy.waves": 3, "train.policy.steps": 1, "gate.sealed": None}


def played(folder, changes):
    path = folder / "recipe.toml"
    path.write_text(tomli_w.dumps(small("spice", THREE_WAVES | changes, sample=20)))
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return open_lineage(folder / "store", "spice")


def trainings(lineage):
    """Training -> what it read, as (role, wave)."""
    (m,) = lineage.manifests
    record = {shown: lineage.stage_record(1, shown.partition(".")[0], key) for shown, key in m.stages.items()}
    written = {
        record[f"advantage.wave-{wave}{label}"].tables["advantages"].digest: (role, wave)
        for role, label in ROLES.items()
        for wave in range(1, 4)
    }
    read = {shown: record[shown].inputs["advantages"] for shown in record if shown.startswith("train.")}
    return {shown: [written[digest] for digest in digests if digest in written] for shown, digests in read.items()}


def test_of_one_policy_a_resting_role_is_left_out_of_the_update(tmp_path):
    lineage = played(tmp_path, {"train.policy.every": {"proposer": 2}})
    assert trainings(lineage) == {
        "train.wave-1": [("solver", 1)],
        "train.wave-2": [("solver", 2), ("proposer", 2)],
        "train.wave-3": [("solver", 3)],
    }
    assert examine_store(lineage.store).damage == ()


def test_a_policy_that_rests_is_frozen_and_learns_from_all_that_it_wrote_meanwhile(tmp_path):
    own = {"models": {"proposer": {"path": str(ROOT / "deployments/models/tiny")}}}
    lineage = played(tmp_path, own | {"train.policy.every": {"solver": 2}})
    assert trainings(lineage) == {
        "train.wave-1.proposer": [("proposer", 1)],
        "train.wave-2": [("solver", 1), ("solver", 2)],
        "train.wave-2.proposer": [("proposer", 2)],
        "train.wave-3.proposer": [("proposer", 3)],
    }
    (m,) = lineage.manifests
    by = [lineage.stage_record(1, "solve", m.stages[f"solve.wave-{wave}"]).inputs["model"] for wave in range(1, 4)]
    assert by[0] == by[1] == m.base.digest != by[2] == m.candidate.digest
    resting = lineage.stage_record(1, "advantage", m.stages["advantage.wave-3"]).tables["advantages"]
    assert m.trained_on == {"policy": len(rows_of(lineage, m, "advantages")) - resting.rows}
    assert examine_store(lineage.store).damage == ()


@pytest.mark.parametrize(
    ("every", "line"),
    [
        ({"proposer": 4}, r"every.proposer = 4 with waves = 3: the proposer is never trained"),
        (
            {"judge": 2},
            r"train.policy.every: 'judge' does not go with method = 'spice', which trains proposer, solver",
        ),
    ],
)
def test_who_would_never_be_trained_is_refused(every, line):
    with pytest.raises(BadInput, match=line):
        read_recipe(small("spice", THREE_WAVES | {"train.policy.every": every}))


def test_who_rests_changes_no_key_of_what_is_trained():
    resting, not_resting = (
        SpiceRecipe.model_validate(small("spice", THREE_WAVES | {"train.policy.every": every}))
        for every in ({"proposer": 2}, {})
    )
    assert resting.train.model_dump(mode="json") == not_resting.train.model_dump(mode="json")
