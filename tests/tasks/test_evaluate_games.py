import pytest

from schemas.engines import TransformersEngine
from schemas.games import EvaluateGames, GameBenchmark
from schemas.inputs import BENCHMARK_ITEMS
from tasks.evaluate_games import evaluate
from tasks.games.starts import items_of, seat_of, start_of
from tasks.prompts import load_prompt
from tasks.roles import Role
from tasks.store.readings import readers

from .games.kuhn import CHECKS, KUHN

BENCHMARKS = (
    GameBenchmark(name="against-base", opponent="base", games=60),
    GameBenchmark(name="against-best", opponent="best_response", games=60),
    GameBenchmark(name="kept", opponent="base", games=20, sealed=True),
)
ITEMS = [
    {"id": f"{benchmark.name}-{row['source_row']}", "benchmark": benchmark.name, "sealed": benchmark.sealed} | row
    for benchmark in BENCHMARKS
    for row in items_of(benchmark)
]


@pytest.fixture
def play(draft, given, tiny, tmp_path):
    items = given(BENCHMARK_ITEMS, ITEMS)

    def run(key, sealed="", **changes):
        draft.key, draft.written = key * 32, set()
        engine = TransformersEngine(kind="transformers", batch_rows=512)
        settings = EvaluateGames(games_per_shard=40, samples_per_state=64).model_copy(update=changes)
        figures = evaluate(
            draft, settings=settings, games=KUHN, checks=CHECKS, benchmarks=BENCHMARKS, base=tiny,
            benchmark_items=items, solver=Role(engine, load_prompt(KUHN.prompt, tmp_path), tiny), sealed=sealed,
        )  # fmt: skip
        return figures, draft.read(draft.tables()["evaluations"]).to_pylist()

    return run


def test_the_base_wins_about_half_against_itself_and_less_against_who_knows_it(play):
    figures, rows = play("a")
    scores = figures["scores"]
    assert scores.keys() == {"against-base", "against-best"}
    assert 0.3 < scores["against-base"]["accuracy"] < 0.7
    assert scores["against-best"]["accuracy"] < scores["against-base"]["accuracy"]
    assert len(rows) == 120 and all(row["greedy"] and row["num_tokens"] > 0 for row in rows)
    assert {(row["answer"], row["correct"]) for row in rows} <= {("win", True), ("loss", False)}


def test_what_samples_show_of_the_policy_is_exploited_exactly(play):
    from tasks.games.exact import exploitability
    from tasks.games.openspiel import OpenSpiel

    figures, _ = play("a")
    assert len(figures["policy"]) == 12
    assert all(sum(of_state.values()) == pytest.approx(1) for of_state in figures["policy"].values())
    assert figures["exploitability"] == exploitability(OpenSpiel("kuhn_poker"), figures["policy"]) > 0.2
    assert 0 < figures["illegal"] < 0.2


def test_shards_decide_nothing(play):
    assert play("a") == play("b", games_per_shard=1000)


def test_every_start_is_met_from_both_seats_and_no_other_benchmark_has_it():
    assert [seat_of(item) for item in ITEMS[:4]] == [0, 1, 0, 1]
    starts = [start_of(item) for item in ITEMS]
    assert starts[0] == starts[1] and len(set(starts)) == len(ITEMS) / 2
    assert len({item["question"] for item in ITEMS}) == len(ITEMS)


def test_a_sealed_benchmark_is_played_alone_and_its_reading_is_noted(play, draft, tiny):
    figures, rows = play("a", sealed="kept")
    assert figures.keys() == {"scores"} and {row["benchmark"] for row in rows} == {"kept"}
    assert readers(draft.lineage.folder, "kept") == {tiny.digest}
