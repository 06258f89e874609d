"""Sections of a recipe whose questions a generator makes, each with an exact check of its answers."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.section import Count, Name, Pattern, Section


class Generated(Section):
    """One question a seed: sections with the same generator and other seeds have other questions."""

    generator: Literal["basic_arithmetic", "chain_sum", "countdown", "gcd"]
    """Name of a generator of reasoning-gym. countdown goes with answers.equivalence = 'countdown'."""
    settings: dict[str, bool | int | float | str | tuple[str, ...]] = Field(default_factory=dict)
    """The generator's own settings, such as max_terms; what is left out is its default."""
    first_seed: Annotated[int, Field(ge=0)]
    """Seed of the first question; the next one has the next seed."""
    count: Count
    """Seeds. Questions that come twice count once."""
    pattern: Pattern | None = None
    """Regular expression that the whole question must match, or its seed gives none; without it, any will do. Run by
    RE2: no lookaround, no backreference."""

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.count)


class GeneratedBenchmark(Generated):
    name: Name
    """What scores of this benchmark are called."""
    sealed: bool = False
    """Not played, unless gate.sealed names it: then to confirm a gain."""


def shared_seeds(sections: dict[str, Generated]) -> tuple[str, str] | None:
    """Two sections of one generator that would make the same questions, if there are any."""
    known = list(sections.items())
    for place, (name, one) in enumerate(known):
        for other, two in known[:place]:
            if one.generator == two.generator and max(one.seeds[0], two.seeds[0]) <= min(
                one.seeds[-1], two.seeds[-1]
            ):
                return other, name
    return None
