import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.alarms import Alarm
from schemas.errors import Locked
from tasks.publish import publish


def test_of_many_that_publish_a_round_one_does(rounds):
    manifest = rounds.publish("held")
    path = rounds.lineage.round_folder(1) / "manifest.json"
    path.unlink()

    def race(writer):
        try:
            publish(path.parent, manifest.model_copy(update={"reason": f"writer {writer}"}))
        except Locked as refused:
            return str(refused)
        return writer

    with ThreadPoolExecutor(8) as writers:
        ends = list(writers.map(race, range(8)))
    (winner,) = [end for end in ends if isinstance(end, int)]
    assert json.loads(path.read_text())["reason"] == f"writer {winner}"
    assert all("another run published this round first" in end for end in ends if end != winner)


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_writer_that_lost_its_lineage_at_any_moment_of_publishing_changes_nothing_from_then_on(rounds, moment):
    manifest = rounds.publish("held")
    folder = rounds.lineage.round_folder(1)
    (folder / "manifest.json").unlink()
    (folder / "draft.json").write_text("the new holder's")
    asked, before = iter(range(1, 100)), {}

    def lost():
        if next(asked) == moment:
            before.update((path.name, path.read_bytes()) for path in folder.iterdir() if path.suffix != ".draft")
            raise Locked("taken over")

    with pytest.raises(Locked, match="taken over"):
        publish(folder, manifest.model_copy(update={"scores": {}}), prove=lost)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_is_no_part_of_the_round_is_removed_once_it_is_published(rounds):
    folder = rounds.lineage.round_folder(1)
    (folder / "questions" / ("1" * 32)).mkdir(parents=True)
    (folder / "questions" / ("1" * 32) / "part-0000.parquet").write_bytes(b"of an older recipe")
    (folder / "training/x/checkpoint-3").mkdir(parents=True)
    (folder / "training/x/checkpoint-3/optimizer.pt").write_bytes(b"")
    rounds.publish("held")
    written = {"scorecard.json", "validation.json", "alarms.json", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == written


def test_what_is_only_read_from_records_is_not_in_the_file(rounds):
    rounds.publish("held")
    assert "weights_dropped" not in json.loads((rounds.lineage.round_folder(1) / "manifest.json").read_text())


def test_alarms_are_published_in_the_manifest_and_beside_it(rounds):
    alarm = Alarm(name="same_answer", level="hold", figure=0.97, threshold=0.5, text="x: 97.0%, above 50%")
    rounds.publish("held", alarms=[alarm])
    folder = rounds.lineage.round_folder(1)
    assert json.loads((folder / "alarms.json").read_text()) == [alarm.model_dump()]
    assert rounds.lineage.manifests[0].alarms == [alarm]
