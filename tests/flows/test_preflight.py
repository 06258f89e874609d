import pytest

from flows.preflight import preflight
from schemas.errors import BadInput

VLLM = {"kind": "vllm", "max_model_len": 256, "concurrency": 8, "timeout_seconds": 60}


def test_a_rule_that_a_recipe_leaves_out_is_no_part_of_what_its_lineage_fixed(write_recipe, tmp_path):
    def fixed(**changes):
        return preflight(write_recipe(**changes), tmp_path / "store").fixed["gate"]

    plain = '{"benchmark":"sums","test":"mcnemar","level":0.05,"min_gain":0.0}'
    assert fixed() == plain, "rules that came later must not end the lineages from before"
    assert fixed(gate__guards=[], gate__approval=True) == plain
    assert fixed(gate__sealed="sums-sealed") != plain


def test_a_recipe_for_vllm_without_its_environment_is_one_line_and_nothing_is_written(tmp_path, write_recipe):
    recipe = write_recipe(engine=VLLM | {"python": str(tmp_path / "gone/python")})
    with pytest.raises(BadInput, match=r"small\.toml: engine\.python = '.*gone/python': .*make vllm-env") as refused:
        preflight(recipe, tmp_path / "store")
    assert str(refused.value).count("\n") == 0
    assert not (tmp_path / "store").exists()


def test_memory_of_the_server_is_said_once(tmp_path, write_recipe):
    recipe = write_recipe(engine=VLLM | {"gpu_memory_utilization": 0.5, "kv_cache_gib": 1.0})
    with pytest.raises(BadInput, match="gpu_memory_utilization and kv_cache_gib exclude each other"):
        preflight(recipe, tmp_path / "store")
