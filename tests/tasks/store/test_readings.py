from dataclasses import replace

import pytest

from schemas.errors import Locked
from schemas.manifest import CheckpointRef
from tasks.store.readings import note_reading, readers

A, B = "a" * 64, "b" * 64


def test_each_checkpoint_counts_once_for_the_benchmark_it_was_asked(tmp_path):
    assert readers(tmp_path, "sums") == set()
    for benchmark, digest, round in (("sums", A, 1), ("sums", A, 2), ("sums", B, 2), ("sums-sealed", A, 2)):
        note_reading(tmp_path, benchmark, digest, round)
    assert (readers(tmp_path, "sums"), readers(tmp_path, "sums-sealed")) == ({A, B}, {A})
    assert (tmp_path / f"sealed/sums-{A}.json").read_text() == '{"round":1}'


def test_who_lost_the_lineage_notes_nothing(draft):
    def lost():
        raise Locked("another run took the lineage over")

    with pytest.raises(Locked):
        replace(draft, prove=lost).note_reading("sums", CheckpointRef(digest=A))
    assert readers(draft.lineage.folder, "sums") == set()
