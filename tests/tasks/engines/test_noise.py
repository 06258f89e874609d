import pytest
import torch
from scipy.stats import chisquare, kstest

from schemas.settings import Sampling
from tasks.engines import noise
from tasks.engines.noise import RowKeyedSampling, gumbel


def test_the_noise_is_gumbel():
    noise = gumbel(torch.arange(200), step=3, num_tokens=500).flatten().numpy()
    assert kstest(noise, "gumbel_r").pvalue > 0.001


def test_a_rows_noise_depends_on_its_seed_and_step_alone():
    alone = gumbel(torch.tensor([42]), 5, 100)
    among = gumbel(torch.tensor([7, 42, 9]), 5, 100)
    assert torch.equal(alone[0], among[1])
    assert not torch.equal(alone, gumbel(torch.tensor([42]), 6, 100))
    assert not torch.equal(alone, gumbel(torch.tensor([43]), 5, 100))


def test_noise_of_neighbouring_rows_steps_and_tokens_is_uncorrelated():
    noise = torch.stack([gumbel(torch.arange(300), step, 300) for step in (0, 1)])
    for first, second in ((noise[0, :-1], noise[0, 1:]), (noise[0], noise[1]), (noise[0, :, :-1], noise[0, :, 1:])):
        together = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))
        assert abs(together[0, 1]) < 0.015


def sampled(
    sampling: Sampling, logits: torch.Tensor, rows: int, generated: torch.Tensor | None = None
) -> torch.Tensor:
    ids = torch.zeros((rows, 1), dtype=torch.int64) if generated is None else generated
    noisy = RowKeyedSampling(sampling, torch.arange(rows) * 977, prompt_length=1)(ids, logits.repeat(rows, 1))
    return torch.bincount(noisy.argmax(-1), minlength=len(logits))


def test_the_argmax_after_the_noise_samples_the_tempered_softmax():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    counts = sampled(Sampling(temperature=0.7, max_tokens=1), logits, 20_000)
    expected = torch.softmax(logits / 0.7, -1) * 20_000
    assert chisquare(counts.numpy(), expected.numpy()).pvalue > 0.001


def test_top_p_top_k_and_the_presence_penalty_do_what_vllm_says():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    assert sampled(Sampling(temperature=1.0, top_k=2, max_tokens=1), logits, 1000)[2:].sum() == 0
    assert sampled(Sampling(temperature=1.0, top_p=0.6, max_tokens=1), logits, 1000)[1:].sum() == 0
    seen = torch.tensor([[0, 0]] * 1000)  # the prompt's own token is not penalised, the generated one is
    greedy = Sampling(temperature=0.0, presence_penalty=1.5, max_tokens=2)
    assert sampled(greedy, logits, 1000, generated=seen).tolist() == [0, 1000, 0, 0]
    assert sampled(greedy, logits, 1000).tolist() == [1000, 0, 0, 0]


@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.1, 8.0])
def test_the_nucleus_is_the_one_that_transformers_keeps(top_p, spread):
    from transformers import TopPLogitsWarper

    scores = torch.randn(5, 3000, generator=torch.Generator().manual_seed(1)) * spread
    kept = noise._at_least(scores, noise._nucleus_edge(scores, top_p))
    theirs = TopPLogitsWarper(top_p)(None, scores)
    assert ((kept == theirs) | (scores.softmax(-1) < 1e-6)).all()  # sums of tiny probabilities round differently


def test_the_noise_is_finite_at_the_extreme_bits():
    extremes = noise._gumbel_of(torch.tensor([0, -1, 2**62, -(2**63), 2**63 - 1]))
    assert extremes.isfinite().all()
    assert extremes.max() < 20
