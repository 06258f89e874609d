from pathlib import Path

import pytest

from schemas.engines import TransformersEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, completed, open_engine

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
WARM = Sampling(temperature=1.0, max_tokens=48)
SUMS = ["1+2+3+4=\n", "5+6+7+8+9=\n", "9+9+9+9+9+9=\n", "4+1+2+2=\n"]


@pytest.fixture
def engine():
    with open_engine(TransformersEngine(kind="transformers", batch_rows=64), Checkpoint("x", TINY)) as opened:
        yield opened


@pytest.mark.parametrize("n", [1, 3])
def test_rows_that_have_ended_leave_the_batch_and_change_no_sample(engine, monkeypatch, n):
    requests = [Request(str(i), prompt, WARM, seed=i, n=n, logprobs=True) for i, prompt in enumerate(SUMS)]
    monkeypatch.setattr("tasks.engines.decoding.PIECE", WARM.max_tokens)
    whole, sizes, generate = completed(engine, requests), [], engine.model.generate

    def counted(ids, **settings):
        sizes.append(len(ids))
        return generate(ids, **settings)

    monkeypatch.setattr("tasks.engines.decoding.PIECE", 5)
    monkeypatch.setattr(engine.model, "generate", counted)
    pieces = completed(engine, requests)
    assert [(c.token_ids, c.finish_reason) for c in pieces] == [(c.token_ids, c.finish_reason) for c in whole]
    assert [c.logprobs for c in pieces] == [pytest.approx(c.logprobs, abs=1e-4) for c in whole]
    assert sizes[0] == 4 * n > sizes[-1] > 0


def test_a_completion_that_does_not_end_has_exactly_the_tokens_that_it_may_have(engine):
    short = Sampling(temperature=0.0, max_tokens=19)  # a piece and three
    (cut,) = completed(engine, [Request("q", SUMS[2], short, 0)])
    assert (cut.num_tokens, cut.finish_reason) == (19, "length")
