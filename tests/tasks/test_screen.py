from schemas.inputs import BENCHMARK_ITEMS, PROBE
from schemas.manifest import ValidRows
from schemas.questions import QUESTIONS
from schemas.settings import Contamination
from tasks.screen import screen

ITEM = {"source_row": 0, "reference": "1"}
QUESTION = {"proposal_id": "p", "item": 0, "nearest_score": 0.0}


def test_what_touches_the_probe_or_a_benchmark_is_dropped_and_what_is_read_without_it_is_apart(draft, given):
    texts = {"new": "7+7", "probed": " 1+2", "sealed": "3+4", "near": "how many legs have two big dogs"}
    questions = given(
        QUESTIONS,
        [{"id": f"q-{n}", "position": i, "question": t} | QUESTION for i, (n, t) in enumerate(texts.items())],
    )
    figures = screen(
        draft,
        protection=Contamination(near=0.8),
        questions=questions,
        probe=given(PROBE, [ITEM | {"id": "p", "question": "1+2"}]),
        benchmark_items=given(
            BENCHMARK_ITEMS,
            [
                ITEM | {"id": "b1", "benchmark": "b", "sealed": True, "question": "3+4"},
                ITEM | {"id": "b2", "benchmark": "b", "sealed": False, "question": "how many legs have two dogs"},
            ],
        ),
    )
    hits = {
        row["row_id"]: (row["kind"], row["protected_id"])
        for row in draft.read(draft.tables()["contamination"]).to_pylist()
    }
    assert hits == {"q-probed": ("exact", "p"), "q-sealed": ("exact", "b1"), "q-near": ("near", "b2")}
    assert figures == {"contaminated": 3}
    apart = draft.read(ValidRows(tables=(questions,), dropped=(draft.tables()["dropped"],)))
    assert apart["id"].to_pylist() == ["q-new"]
