"""Parts of a draft: made once, found again, made again if they are torn."""

import pytest

from schemas.dropped import DROPPED
from schemas.train_steps import TRAIN_STEPS


@pytest.fixture
def steps(draft):
    """A part with one row in each of two tables; each making of it is noted."""
    made = []

    def parts(number):
        def make():
            made.append(number)
            row = dict.fromkeys(TRAIN_STEPS.schema.names) | {"id": draft.row_id(TRAIN_STEPS, number), "method": "sft"}
            refused = draft.refused(draft.row_id(DROPPED, number), "questions", "pattern")
            return [refused], [row | {"step": number, "loss": 1.0, "learning_rate": 1e-3}]

        return draft.parts((DROPPED, TRAIN_STEPS), number, make, of=3)

    parts.made = made
    return parts


def test_a_part_that_is_whole_is_read_and_not_made_again(draft, steps):
    first = [steps(number) for number in range(3)]
    assert [steps(number) for number in range(3)] == first
    assert steps.made == [0, 1, 2]
    assert {name: ref.rows for name, ref in draft.tables().items()} == {"dropped": 3, "train_steps": 3}


@pytest.mark.parametrize("table", ["dropped", "train_steps"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_torn_part_is_made_again_and_the_others_stay(draft, steps, table, damage):
    whole = [steps(number) for number in range(3)]
    path = draft.folder / table / draft.key / "part-0001.parquet"
    content = path.read_bytes()
    at = len(content) // 4  # within the first pages
    torn = {
        "empty": b"",
        "cut": content[:-20],
        "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
    }
    path.write_bytes(torn[damage])
    resumed = []
    draft.resumed = resumed.append
    assert [steps(number) for number in range(3)] == whole
    assert steps.made == [0, 1, 2, 1]
    assert resumed == ["shard 2 of 3"]
    assert path.read_bytes() == content


def test_a_part_whose_last_table_is_missing_is_made_again(draft, steps):
    whole = steps(0)
    (draft.folder / "train_steps" / draft.key / "part-0000.parquet").unlink()
    assert steps(0) == whole
    assert steps.made == [0, 0]
