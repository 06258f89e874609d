"""The figures of docs/gate.md are those that the script prints."""

import pytest

from .loading import ROOT, load


@pytest.fixture(scope="module")
def simulated():
    return load("simulate_gate")


@pytest.mark.parametrize(
    "kind", ["No change", "One in ten is better", "One in ten is better, three in ten are worse"]
)
def test_the_documented_nights_are_reproduced(simulated, kind):
    lines = (ROOT / "docs/gate.md").read_text().split(f"**{kind}**\n")[1].splitlines()
    (told,) = [line for line in lines[:7] if "then the sealed set" in line]
    assert simulated.row("**5%, then the sealed set**", kind, range(200), 1000, 1000) == told


def test_lord_spends_no_more_than_half_its_level_before_it_finds_anything(simulated):
    levels = [simulated.lord(night, []) for night in range(1, 10_000)]
    assert levels == sorted(levels, reverse=True)
    assert sum(levels) <= 0.025
    assert simulated.lord(11, [10]) > simulated.lord(11, [])


def test_every_rule_plays_its_nights_and_only_the_last_reads_the_sealed_set(simulated):
    for kind in simulated.KINDS:
        rows = {name: simulated.row(name, kind, range(2), 60, 60) for name in simulated.RULES}
        figures = {name: [cell.strip() for cell in row.strip("| ").split("|")] for name, row in rows.items()}
        assert {len(cells) for cells in figures.values()} == {7}
        *others, (sealing, last) = figures.items()
        assert sealing == "**5%, then the sealed set**"
        assert {cells[-1] for _, cells in others} == {"0.0"}
        assert float(figures["any gain"][1]) > float(figures["LORD++, FDR 5%"][1])
        assert float(last[1]) <= float(figures["5% every night"][1])
