"""The table of rounds: what every round has, and each stage's headline, whatever the method."""

import io

from rich.console import Console as Rich

from flows.console import Console

SCORE = {"accuracy": 0.8, "low": 0.49, "high": 0.94, "n": 10}


def table_of(*manifests):
    console = Console()
    console.rich = Rich(file=io.StringIO(), width=100)
    console.rounds_table(list(manifests))
    return [line.split() for line in console.rich.file.getvalue().splitlines() if line.strip()]


def test_each_stages_headline_is_a_line_and_a_round_without_it_says_so(rounds):
    voted = {"propose": {"proposed": 1530, "waves": 2}, "vote": {"precision": SCORE}}
    one = rounds.publish("promoted", figures=voted | {"select": {"band": {"below": 0.25, "in": 0.75}}})
    lines = table_of(one, rounds.publish("held", figures={"play": {"games": 12}}))
    assert ["propose", "proposed", "1,530", "-"] in lines
    assert ["vote", "precision", "80.0%", "[49.0%,", "94.0%]", "-"] in lines
    place = lines.index(["select", "band", "-"])
    assert lines[place + 1 : place + 3] == [["below", "25%", "-"], ["in", "75%", "-"]]
    assert ["play", "games", "-", "12"] in lines
    assert not any("waves" in line for line in lines), "`show` has all of them"
