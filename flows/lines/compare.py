"""Two checkpoints on a user's file, and what the gate's test says of them."""

from collections.abc import Iterator

from flows.comparing import Compared
from flows.lines.plain import counted, plain, sampled, typed, worded
from tasks.audit.comparison import could_show, short_of_a_gain


def comparison_lines(store: str, a: str, b: str, compared: Compared) -> Iterator[str]:
    """Scores of both, their difference, and whether b is shown to be better."""
    found, gate, before, after = compared.comparison, compared.gate, plain(a), plain(b)
    if compared.unusable:
        yield f"rows that could not be used: {counted(compared.unusable)}"
    for name, score in zip((before, after), compared.scores, strict=True):
        undecided = f", {score.undecided:,} undecided" if score.undecided else ""
        yield f"{name:<24} {worded(score)} of {score.n:,}{undecided}"
        if several := sampled(score):
            yield f"{'':<24} {several}"
    interval = f"[{found.low:+.1%}, {found.high:+.1%}]"
    yield f"{after} against {before}: {found.difference:+.1%} {interval}, {found.gained} gained, {found.lost} lost"
    short = list(short_of_a_gain(found, gate))
    verdict = f"{'not ' if short else ''}shown to be better at {100 * gate.level:.3g}%, the level of {after}'s gate"
    why = "; ".join(short) if found.p_value <= gate.level and short else could_show(found)
    yield f"p = {found.p_value:.2g} ({found.test}): {verdict}; {why}"
    if "base" not in (a.rpartition("/")[2], b.rpartition("/")[2]):
        yield f"next: selfplay diff {typed(a)} {typed(b)} --store {typed(store)}"
