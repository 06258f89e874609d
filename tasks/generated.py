"""Generated: questions that a generator of reasoning-gym makes, one a seed, with what their answers are held against.

The generator's own check of answers is not used: it runs what a model wrote (countdown), or compares numbers, as
tasks/answers does.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from schemas.errors import BadInput
from schemas.generated import Generated
from schemas.pattern import full_match
from schemas.settings import Answers
from tasks.answers.countdown import goal
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome

Row = dict[str, Any]


def tasks_of(
    key: str, asked: Generated, leave: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Row], dict[str, int]]:
    """Rows of question, reference and source_row (the seed), but for questions to leave out, each with its reason;
    and reason -> seeds that give none. Raises BadInput."""
    usable: dict[str, Row] = {}
    unusable: Counter[str] = Counter()
    checks = Answers(equivalence="countdown" if asked.generator == "countdown" else "canonical")
    with equality(checks) as compare:
        for seed, item in zip(asked.seeds, _items(key, asked), strict=True):
            question, reference = item["question"].strip(), _reference(asked.generator, item)
            if question in usable or question in leave:
                unusable[leave.get(question, "repeated")] += 1
            elif asked.pattern is not None and not full_match(asked.pattern, question):
                unusable["off the pattern"] += 1
            elif compare([(reference, item["answer"])])[0] is not Outcome.EQUAL:
                unusable["its own answer is not right"] += 1
            else:
                usable[question] = {"question": question, "reference": reference, "source_row": seed}
    if not usable:
        told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(unusable.items()))
        raise BadInput(f"{key}: no seed gives a usable question ({told}); look at settings and pattern")
    return list(usable.values()), dict(sorted(unusable.items()))


def _items(key: str, asked: Generated) -> list[Row]:
    try:
        import reasoning_gym
    except ImportError as error:
        mend = "type: .venv/bin/pip install -c constraints.txt -e '.[tasks]'"
        raise BadInput(f"{key}: reasoning-gym, which makes its questions, is not installed; {mend}") from error
    try:
        made = reasoning_gym.create_dataset(
            asked.generator, seed=asked.first_seed, size=asked.count, **asked.settings
        )
        return [made[place] for place in range(asked.count)]
    except (TypeError, ValueError, AssertionError) as error:  # each setting has its own
        raise BadInput(f"{key}.settings: {asked.generator} refuses them: {str(error)[:200]}") from error


def _reference(generator: str, item: Row) -> str:
    told = item["metadata"]
    return goal(told["target"], told["numbers"]) if generator == "countdown" else str(item["answer"])
