"""Training by preference in a draft of its own."""

import pytest

from schemas.base_samples import BASE_SAMPLES
from schemas.manifest import CheckpointRef, ValidRows
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.sft_examples import SFT_EXAMPLES
from tasks.store.draft import Draft
from tasks.train import train


@pytest.fixture
def play(draft, given, recipe, tiny):
    """Train once, in a draft of its own: the figures, and each table's rows."""
    row = {"prompt": "1+2+3+4=\n", "agreement": 0.75, "question_id": "q"}
    examples = [
        {"id": f"sft-{i}", "attempt_id": f"a{i}", "completion": "1+2=3\n3+3=6\n6+4=10\n#10"} | row for i in range(8)
    ]
    pairs = [
        {"id": f"pair-{i}", "chosen_attempt_id": f"a{i}", "rejected_attempt_id": f"b{i}"}
        | {"chosen": "1+2=3\n3+3=6\n6+4=10\n#10", "rejected": f"1+2=3\n3+3=6\n#{i}"}
        | {"chosen_winrate": 0.75, "rejected_winrate": 0.25 - i / 40, "pair_winrate": 1.0 - i / 10}
        | row
        for i in range(8)
    ]
    tables = {"sft_examples": (given(SFT_EXAMPLES, examples),), "preference_pairs": (given(PREFERENCE_PAIRS, pairs),)}

    numbers = iter(range(1, 100))

    def run(
        settings=None, method="", *, model=tiny, base=tiny, in_draft=None, certain=False, said=(),
        **changes,
    ):  # fmt: skip
        if settings is not None:
            method = method or type(settings).__name__.lower()
            changes |= {"methods": (method,), "sft": None, method: settings}
        place = in_draft or Draft(draft.lineage, 1, "train", f"{next(numbers):032x}", seed=1)
        given_pairs = tables["preference_pairs"]
        if certain:
            given_pairs = (given(PREFERENCE_PAIRS, [pair | {"pair_winrate": 1.0} for pair in pairs]),)
        figures = train(
            place, settings=recipe.train.model_copy(update=changes), model=model, base=base,
            base_samples=ValidRows(tables=(given(BASE_SAMPLES, list(said)),)),
            **{name: ValidRows(tables=refs) for name, refs in (tables | {"preference_pairs": given_pairs}).items()},
        )  # fmt: skip
        return figures, {name: place.read(ref).to_pylist() for name, ref in place.tables().items()}

    run.pairs = pairs
    return run


@pytest.fixture
def champion(play):
    """Weights some steps away from the base's."""
    return CheckpointRef(digest=play()[0]["checkpoint"])
