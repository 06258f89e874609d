"""Tables that nobody has written yet: told by `why` and `where` for what they declare, without a line of theirs."""

import pyarrow as pa
import pytest

from flows.lines.story import descent, story
from schemas.table import about, column, parent, share, table, text
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.store.objects import write_whole

from .scripted import BASE, HOSTILE, Played

EPISODES = table(
    "episodes",
    "a game that was played",
    parent("seed_id", "inputs/seeds", meaning="the opening"),
    column("turn", pa.int32(), "turns in all"),
    text("board", "the end of it"),
)
REFEREES = table(
    "referees",
    "what a referee said of a game",
    about("episode_id", "episodes", meaning="the game"),
    share("score", "how good it was"),
)


@pytest.fixture
def lineage(tmp_path, monkeypatch):
    """A seed, two games that began with it, what a referee said of one, and a game that was refused."""
    monkeypatch.setitem(TABLES, "episodes", EPISODES)
    monkeypatch.setitem(TABLES, "referees", REFEREES)
    played = Played(tmp_path / "store", None)
    draft = played.draft("collect")
    seed = draft.row_id(TABLES["inputs/seeds"], 0)
    draft.write(TABLES["inputs/seeds"], [{"id": seed, "question": "e2 e4", "source_row": 3}])
    played.mark(draft, {})
    draft = played.draft("games")
    games = [draft.row_id(EPISODES, seed, number) for number in range(3)]
    board = {"seed_id": seed, "board": f"{HOSTILE}{'x' * 1000}"}
    draft.write(EPISODES, [board | {"id": name, "turn": turn} for turn, name in enumerate(games[:2])])
    draft.write(TABLES["dropped"], [draft.refused(games[2], EPISODES, "too_long", 9, 8, parents=[seed])])
    played.mark(draft, {}, model=BASE.digest)
    draft = played.draft("referee")
    draft.write(REFEREES, [{"id": draft.row_id(REFEREES, games[0]), "episode_id": games[0], "score": 0.25}])
    played.mark(draft, {})
    recipe = '[data.seeds]\npath = "openings.jsonl"\n'
    write_whole(played.lineage.round_folder(1) / "recipe.toml", recipe.encode())
    return played.publish(), seed, games


def test_a_new_table_is_told_up_to_the_users_row_with_what_others_said_of_it(lineage):
    lineage, _, games = lineage
    told = explain(lineage, games[0])
    assert {table: [e["relation"] for e in entries] for table, entries in told.tables.items()} == {
        "inputs/seeds": ["up"], "episodes": ["itself"], "referees": ["beside"],
    }  # fmt: skip
    assert told.tables["inputs/seeds"][0]["source"] == {"key": "data.seeds", "path": "openings.jsonl", "row": 3}
    assert [stage["stage"] for stage in told.stages] == ["collect", "games", "referee"]
    assert told.subject["id"] == games[0]
    refused = explain(lineage, games[2])
    assert (refused.row, refused.dropped[0]["reason"], [*refused.tables]) == (None, "too_long", ["inputs/seeds"])


def test_its_story_is_readable_and_its_hostile_text_is_cut_and_escaped(lineage):
    lineage, seed, games = lineage
    lines = story(explain(lineage, games[0])).split("\n")
    assert all(line.isprintable() and len(line) < 300 for line in lines)
    printed = "\n".join(lines)
    for said in (
        "episodes: a game that was played",
        "by games of small/1: base (bbbbbbbbbbbb)",
        "referees: what a referee said of a game",
        "score 0.25",
        f'< {seed}  question "e2 e4", source_row 3, data.seeds: "openings.jsonl", row 3',
        "(1,059 characters)",
    ):
        assert said in printed, printed
    assert "too_long, 9 against 8" in story(explain(lineage, games[2]))


def test_what_became_of_a_seed_goes_through_new_tables(lineage):
    lineage, seed, games = lineage
    (round,) = follow(lineage, seed).rounds
    assert sorted(round["made"]) == ["episodes", "referees"]
    assert round["made"]["episodes"] == sorted(games[:2])
    assert [d["id"] for d in round["dropped"]] == [games[2]]
    assert "2  episodes" in descent(follow(lineage, seed))
