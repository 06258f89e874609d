"""Sampling noise that belongs to a row: the same sample whatever the batch, killed or not.

Gumbel-max: argmax(logits / T + g), with g Gumbel noise, is a sample of softmax(logits / T). The noise of a token is a
hash of (row seed, step, token): a counter-based generator (Salmon et al. 2011) with splitmix64's finaliser.
"""

import torch

from schemas.settings import Sampling

GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
FEW = 512  # tokens looked at first for the nucleus
MIX = (-4658895280553007687, -7723592293110705685)  # splitmix64's multipliers, signed


def gumbel(row_seeds: torch.Tensor, step: int, num_tokens: int) -> torch.Tensor:
    """Gumbel noise of shape (rows, num_tokens), float32, for one step."""
    rows = _mix(row_seeds + _signed(step * GOLDEN))
    tokens = torch.arange(num_tokens, device=row_seeds.device, dtype=torch.int64) * GOLDEN
    return _gumbel_of(_mix(rows[:, None] + tokens[None, :]))


def _gumbel_of(bits: torch.Tensor) -> torch.Tensor:
    """-log(-log(u)), u in (0, 1), ends excluded: 23 bits and a half are exact in float32, 24 could round to 1."""
    bits = (bits >> 41).bitwise_and_(0x7FFFFF)
    uniform = bits.to(torch.float32).add_(0.5).mul_(2.0**-23)
    return uniform.log_().neg_().log_().neg_()


def _signed(number: int) -> int:
    """A Python integer as 64 bits would hold it."""
    return (number + 2**63) % 2**64 - 2**63


def _mix(x: torch.Tensor) -> torch.Tensor:
    """In place: a large vocabulary's noise costs a third of what it does with a new tensor for each operation."""
    x ^= _shifted(x, 30)
    x *= MIX[0]
    x ^= _shifted(x, 27)
    x *= MIX[1]
    x ^= _shifted(x, 31)
    return x


def _shifted(x: torch.Tensor, bits: int) -> torch.Tensor:
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)  # torch's shift keeps the sign


class RowKeyedSampling:
    """A transformers logits processor after which greedy decoding samples as `sampling` says.

    Order as in vLLM: presence penalty, temperature, top-k, top-p, then the noise. `logprobs`, if it is a list, gets
    the log-probability under the model itself of each step's tokens, (rows,) each.
    """

    def __init__(
        self,
        sampling: Sampling,
        row_seeds: torch.Tensor,
        prompt_length: int,
        logprobs: list[torch.Tensor] | None = None,
    ) -> None:
        self.sampling, self.row_seeds, self.prompt_length = sampling, row_seeds, prompt_length
        self.logprobs = logprobs

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.to(torch.float32)
        drawn = self._drawn(input_ids, scores)
        if self.logprobs is not None:
            tokens = drawn.argmax(-1, keepdim=True)
            self.logprobs.append(scores.log_softmax(-1).gather(-1, tokens)[:, 0])
        return drawn

    def _drawn(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores whose largest is the sample."""
        generated = input_ids[:, self.prompt_length :]
        if self.sampling.presence_penalty and generated.shape[1]:
            seen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, generated, True)
            scores = scores - self.sampling.presence_penalty * seen
        if self.sampling.temperature == 0.0:
            return scores
        scores = scores / self.sampling.temperature
        if 0 < self.sampling.top_k < scores.shape[1]:
            scores = _at_least(scores, scores.topk(self.sampling.top_k).values[:, -1])
        if self.sampling.top_p < 1.0:
            scores = _at_least(scores, _nucleus_edge(scores, self.sampling.top_p))
        return scores + gumbel(self.row_seeds, generated.shape[1], scores.shape[1])


def _at_least(scores: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
    return scores.masked_fill(scores < edge[:, None], float("-inf"))


def _nucleus_edge(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """The smallest score in each row's nucleus: the fewest likeliest tokens that hold top_p of the probability."""
    total = scores.logsumexp(-1, keepdim=True)
    for size in (min(FEW, scores.shape[1]), scores.shape[1]):  # a full sort of a large vocabulary only if it must be
        likeliest = scores.topk(size).values
        held = (likeliest - total).exp().cumsum(-1)
        if bool((held[:, -1] >= top_p).all()):
            break
    inside = (held < top_p).sum(-1).clamp(max=size - 1)  # the token that reaches top_p is inside
    return likeliest.gather(-1, inside[:, None])[:, 0]
