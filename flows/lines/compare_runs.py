"""Runs that other tools evaluated, compared by the items that they share, and players ranked by their games."""

from collections.abc import Iterator, Sequence

from flows.lines.plain import plain, worded
from schemas.results import RunComparison
from tasks.figures import many
from tasks.reading.games_won import Won
from tasks.statistics.strengths import Strengths


def run_lines(found: Sequence[RunComparison], level: float, notes: Sequence[str]) -> Iterator[str]:
    """A letter a run, then a paragraph a comparison: scores, their difference and the verdict."""
    names = list(dict.fromkeys(name for each in found for name in (each.a, each.b)))
    letters = {name: chr(ord("A") + n) if n < 26 else f"run {n + 1}" for n, name in enumerate(names)}
    yield from (f"{letter} = {plain(name)}" for name, letter in letters.items())
    yield from map(plain, notes)
    for each in found:
        yield ""
        yield from _one(each, letters[each.a], letters[each.b], level, len(found))


def _one(found: RunComparison, a: str, b: str, level: float, tests: int) -> Iterator[str]:
    task = f"{plain(found.benchmark)}: " if found.benchmark else ""
    counts = {
        f"only in {a}": found.only_a,
        f"only in {b}": found.only_b,
        f"undecided in {a} (left out)": found.left_out,
        f"undecided in {b} (wrong)": found.scores[1].undecided,
    }
    apart = "".join(f"; {count:,} {what}" for what, count in counts.items() if count)
    yield f"{task}{many(found.n, 'item')} compared{apart}"
    scores = ", ".join(f"{name} {worded(score)}" for name, score in zip((a, b), found.scores, strict=True))
    interval = f"[{found.low:+.1%}, {found.high:+.1%}]"
    yield f"{scores}; {b} - {a} = {found.difference:+.1%} {interval}, {found.gained} gained, {found.lost} lost"
    p = f"p = {found.p_value:.2g} ({found.test})"
    if tests > 1:
        p += f", {found.adjusted_p:.2g} by Holm for {tests} comparisons"
    claim = "be better" if found.max_loss is None else f"lose less than {found.max_loss:.1%}"
    yield f"{p}: {b} is {'' if found.passed else 'not '}shown to {claim} (level {100 * level:.3g}%)"
    if found.max_loss is None:
        least = f"{found.detectable_gain:+.1%}" if found.detectable_gain < 1 else "none, too few items"
        needed = f"; items needed for {found.difference:+.1%}: {found.items_needed:,}" if found.items_needed else ""
        yield f"at 80% power: minimum detectable gain {least}{needed}"


def rank_lines(won: Won, found: Strengths, order: Sequence[int]) -> Iterator[str]:
    """The strongest first, each with its chance to beat the next."""
    undecided = f"; {won.undecided:,} undecided, left out" if won.undecided else ""
    yield f"{many(won.games, 'game')} of {len(won.players)} players, {many(won.ties, 'tie')}{undecided}"
    for place, (player, following) in enumerate(zip(order, [*order[1:], None], strict=True), 1):
        low, high = found.interval(player)
        games = sum(won.wins[player]) + sum(row[player] for row in won.wins)
        line = f"{place:>3} {plain(won.players[player]):<24} {found.log_odds[player]:+.2f} [{low:+.2f}, {high:+.2f}]"
        line += f" of {many(int(games), 'game')}"
        if following is not None:
            share, least, most = found.chance(player, following)
            line += f"; beats {plain(won.players[following])}: {share:.1%} [{least:.1%}, {most:.1%}]"
        yield line
