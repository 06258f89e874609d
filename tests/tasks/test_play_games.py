import pytest

from schemas.engines import TransformersEngine
from schemas.tables import TABLES
from tasks.play_games import play_games
from tasks.prompts import load_prompt
from tasks.roles import Role

from .games.kuhn import CHECKS, KUHN


@pytest.fixture
def play(draft, tiny, tmp_path):
    def run(key, wave=(1, 2), **changes):
        draft.key, draft.written = key * 32, set()
        engine = TransformersEngine(kind="transformers", batch_rows=64)
        solver = Role(engine, load_prompt(changes.get("prompt", KUHN.prompt), tmp_path), tiny)
        figures = play_games(
            draft,
            settings=KUHN.model_copy(update=changes),
            checks=CHECKS,
            solver=solver,
            round=draft.round,
            wave=wave,
        )
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def test_each_turn_is_rewarded_with_what_its_seat_got(play, tiny):
    figures, rows = play("a")
    episodes = {row["id"]: row for row in rows["episodes"]}
    turns = {row["id"]: row for row in rows["turns"]}
    assert len(episodes) == KUHN.episodes and sum(figures["ended"].values()) == KUHN.episodes
    assert {row["row_id"]: row["reward"] for row in rows["rewards"]} == {
        name: episodes[turn["episode_id"]]["returns"][turn["seat"]] for name, turn in turns.items()
    }
    for episode in episodes.values():
        of_game = sorted((t for t in turns.values() if t["episode_id"] == episode["id"]), key=lambda t: t["number"])
        assert len(of_game) == episode["turns"]
        assert [turn["seat"] for turn in of_game] == [0, 1, 0][: len(of_game)]
        assert [turn["legal"] for turn in of_game] == [True] * (len(of_game) - 1) + [episode["ended"] == "over"]
        assert episode["seats"] == [tiny.digest] * 2 and of_game[0]["checkpoint"] == tiny.digest
        assert sum(episode["returns"]) == (0 if episode["ended"] == "over" else -1)
    assert figures["ended"]["over"] > 20 and figures["illegal"] > 0


def test_a_shard_holds_whole_games_and_its_size_decides_none_of_them(play):
    by_shards, at_once = play("a")[1], play("b", episodes_per_shard=100)[1]
    assert by_shards == at_once


def test_another_wave_plays_other_games(play):
    first, second = play("a")[1]["episodes"], play("b", wave=(2, 2))[1]["episodes"]
    assert {row["start"] for row in first}.isdisjoint(row["start"] for row in second)


def test_what_was_whole_before_a_kill_is_not_played_again(play, draft):
    whole = play("a")[1]
    folder = draft.folder / "turns" / ("a" * 32)
    kept, gone = folder / "part-0000.parquet", folder / "part-0001.parquet"
    stood = kept.stat().st_mtime_ns
    gone.unlink()
    assert play("a")[1] == whole
    assert kept.stat().st_mtime_ns == stood and gone.exists()


def test_the_tables_say_what_their_rows_are_made_of():
    assert [parent.tables for parent in TABLES["turns"].parents] == [("episodes",)]


def test_a_game_whose_turn_has_no_answer_is_void_and_only_that_turn_is_dropped(play, draft, tmp_path):
    plain = load_prompt(KUHN.prompt, tmp_path).text
    (tmp_path / "long.jinja").write_text("{% if observation[0] == '2' %}{{ '1+' * 150 }}{% endif %}" + plain)
    whole, rows = play("a")[1], play("b", prompt="long.jinja")[1]
    assert rows["dropped"]
    assert {(row["table"], row["reason"]) for row in rows["dropped"]} == {("turns", "prompt_too_long")}
    kept = {row["id"] for row in rows["episodes"]}
    assert len(kept) + len(rows["dropped"]) == len(whole["episodes"])
    assert {row["episode_id"] for row in rows["turns"]} == kept
    assert len(rows["rewards"]) == len(rows["turns"])
