from flows.preflight import preflight


def test_a_rule_that_a_recipe_leaves_out_is_no_part_of_what_its_lineage_fixed(write_recipe, tmp_path):
    def fixed(**changes):
        return preflight(write_recipe(**changes), tmp_path / "store").fixed["gate"]

    plain = '{"benchmark":"sums","test":"mcnemar","level":0.05,"min_gain":0.0}'
    assert fixed() == plain, "rules that came later must not end the lineages from before"
    assert fixed(gate__guards=[], gate__approval=True) == plain
    assert fixed(gate__sealed="sums-sealed") != plain
