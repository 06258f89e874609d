import json
import re
import shutil
from pathlib import Path

import pytest

from flows.preflight import preflight
from schemas.errors import BadInput

TINY = Path(__file__).resolve().parents[2] / "deployments/models/tiny"


def test_a_base_model_that_would_import_code_is_refused_before_anything_is_written(tmp_path, write_recipe):
    model = shutil.copytree(TINY, tmp_path / "model")
    settings = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(settings | {"auto_map": {"AutoModelForCausalLM": "mine.Model"}}))
    path = write_recipe(model__path=str(model))
    named = re.escape(f"{path}: model.path = '{model}': {model}/config.json: auto_map = ")
    with pytest.raises(BadInput, match=f"^{named}.*a checkpoint may bring no code; use a model"):
        preflight(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_rule_that_a_recipe_leaves_out_is_no_part_of_what_its_lineage_fixed(write_recipe, tmp_path):
    def fixed(**changes):
        return preflight(write_recipe(**changes), tmp_path / "store").fixed["gate"]

    plain = '{"benchmark":"sums","test":"mcnemar","level":0.05,"min_gain":0.0}'
    assert fixed() == plain, "rules that came later must not end the lineages from before"
    assert fixed(gate__guards=[], gate__approval=True) == plain
    assert fixed(gate__sealed="sums-sealed") != plain
