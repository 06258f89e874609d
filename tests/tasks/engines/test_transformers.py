from pathlib import Path

import pytest

from schemas.errors import Stopped
from schemas.manifest import CheckpointRef
from schemas.settings import Sampling, TransformersEngine
from tasks.engines import Request, open_engine

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
WARM = Sampling(temperature=1.0, max_tokens=48)
SUMS = ["1+2+3+4=\n", "5+6+7+8+9=\n", "9+9+9+9+9+9=\n", "4+1+2+2=\n"]


@pytest.fixture
def engine():
    with open_engine(
        TransformersEngine(kind="transformers", batch_rows=64), TINY, CheckpointRef(digest="x")
    ) as opened:
        yield opened


def texts(completions):
    return [(c.request_id, c.sample, c.text) for c in completions]


def test_a_request_has_the_same_samples_with_and_without_neighbours(engine):
    requests = [Request(str(i), prompt, WARM, seed=i, n=3) for i, prompt in enumerate(SUMS)]
    together = texts(engine.generate(requests))
    apart = [text for request in requests for text in texts(engine.generate([request]))]
    assert together == apart


def test_a_shared_prefill_gives_the_samples_of_separate_requests(engine):
    (shared,) = [texts(engine.generate([Request("q", SUMS[1], WARM, seed=5, n=4)]))]
    first = texts(engine.generate([Request("q", SUMS[1], WARM, seed=5)]))
    assert first[0] == shared[0]
    assert len({text for _, _, text in shared}) > 1


def test_answers_come_in_the_requests_order_with_counts_and_reasons(engine):
    short = Sampling(temperature=0.0, max_tokens=4)
    long = Sampling(temperature=0.0, max_tokens=48)
    completions = engine.generate([Request("long", SUMS[0], long, 0), Request("short", SUMS[1], short, 0, n=2)])
    assert [(c.request_id, c.sample) for c in completions] == [("long", 0), ("short", 0), ("short", 1)]
    assert [c.finish_reason for c in completions] == ["stop", "length", "length"]
    assert completions[0].text.count("#") == 1
    assert completions[0].num_tokens == len(completions[0].text) + 1  # characters are tokens, and the end is one
    assert completions[1].num_tokens == 4


def test_a_stop_character_ends_a_completion_and_is_not_part_of_it(engine):
    stopped = Sampling(temperature=0.0, max_tokens=48, stop=("\n",))
    (completion,) = engine.generate([Request("q", SUMS[0], stopped, 0)])
    assert completion.finish_reason == "stop"
    assert "\n" not in completion.text
    assert "=" in completion.text


def test_weights_that_cannot_be_loaded_stop_the_run_with_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    settings = TransformersEngine(kind="transformers", batch_rows=1)
    with (
        pytest.raises(Stopped, match="cannot be loaded"),
        open_engine(settings, tmp_path, CheckpointRef(digest="x")),
    ):
        pass
