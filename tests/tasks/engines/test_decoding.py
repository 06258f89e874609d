import shutil
from pathlib import Path

import pytest
import torch

from schemas.engines import TransformersEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, close_engine, completed, open_engine

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
WARM = Sampling(temperature=1.0, max_tokens=48)
# weights far enough from zero that a state which is lost, or another row's, changes what is drawn
SMALL = {"vocab_size": 19, "hidden_size": 32, "num_hidden_layers": 2, "eos_token_id": 2, "initializer_range": 0.5}
ATTENTION = {"intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "pad_token_id": 0}
HYBRIDS = {
    "lfm2": SMALL | ATTENTION | {"layer_types": ["conv", "full_attention"]},
    "qwen3_5_text": SMALL
    | ATTENTION
    | {"layer_types": ["linear_attention", "full_attention"], "head_dim": 16, "linear_num_value_heads": 2}
    | {"linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
}
WITHOUT_A_CACHE_TO_GO_ON_FROM = {
    "mamba": SMALL | {"state_size": 4, "pad_token_id": 0},
    "openai-gpt": {"vocab_size": 19, "n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.5},
}
SUMS = ["1+2+3+4=\n", "5+6+7+8+9=\n", "9+9+9+9+9+9=\n", "4+1+2+2=\n"]


@pytest.fixture
def engine():
    with open_engine(TransformersEngine(kind="transformers", batch_rows=64), Checkpoint("x", TINY)) as opened:
        yield opened


@pytest.fixture
def family(tmp_path):
    """Open an engine with a small model of a family, made from its config, that speaks the tiny model's tokens."""
    from transformers import AutoConfig, AutoModelForCausalLM

    def opened(name, config):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **config)).save_pretrained(tmp_path)
        for file in TINY.glob("tokenizer*"):
            shutil.copy(file, tmp_path)
        return open_engine(TransformersEngine(kind="transformers", batch_rows=64), Checkpoint(name, tmp_path))

    yield opened
    close_engine()


@pytest.mark.parametrize("n", [1, 3])
def test_rows_that_have_ended_leave_the_batch_and_change_no_sample(engine, monkeypatch, n):
    sizes = sizes_of_pieces_like_the_whole(engine, monkeypatch, n)
    assert sizes[0] == 4 * n > sizes[-1] > 0


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", HYBRIDS)
def test_rows_leave_a_hybrid_models_batch_and_change_no_sample(family, monkeypatch, name, n):
    with family(name, HYBRIDS[name]) as engine:
        sizes = sizes_of_pieces_like_the_whole(engine, monkeypatch, n)
    assert sizes[0] == 4 * n > sizes[-1] > 0


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", WITHOUT_A_CACHE_TO_GO_ON_FROM)
def test_a_model_that_cannot_go_on_from_a_cache_generates_in_one_piece(family, monkeypatch, name, n):
    with family(name, WITHOUT_A_CACHE_TO_GO_ON_FROM[name]) as engine:
        assert sizes_of_pieces_like_the_whole(engine, monkeypatch, n) == [4 * n]


def sizes_of_pieces_like_the_whole(engine, monkeypatch, n):
    """Rows in each call of `generate`, in pieces of five tokens; their samples are those of one piece."""
    requests = [Request(str(i), prompt, WARM, seed=i, n=n, logprobs=True) for i, prompt in enumerate(SUMS)]
    monkeypatch.setattr("tasks.engines.decoding.PIECE", WARM.max_tokens)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_shared_prefill", lambda encoded, rows: None)
        whole = completed(engine, requests)
    sizes, generate = [], engine.model.generate

    def counted(ids, **settings):
        sizes.append(len(ids))
        return generate(ids, **settings)

    monkeypatch.setattr("tasks.engines.decoding.PIECE", 5)
    monkeypatch.setattr(engine.model, "generate", counted)
    pieces = completed(engine, requests)
    assert [(c.token_ids, c.finish_reason) for c in pieces] == [(c.token_ids, c.finish_reason) for c in whole]
    assert [c.logprobs for c in pieces] == [pytest.approx(c.logprobs, abs=1e-4) for c in whole]
    return sizes


def test_a_completion_that_does_not_end_has_exactly_the_tokens_that_it_may_have(engine):
    short = Sampling(temperature=0.0, max_tokens=19)  # a piece and three
    (cut,) = completed(engine, [Request("q", SUMS[2], short, 0)])
    assert (cut.num_tokens, cut.finish_reason) == (19, "length")
