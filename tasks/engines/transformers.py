"""The transformers engine: batched generation in this process, on a GPU or a CPU."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from schemas.engines import TransformersEngine
from schemas.errors import Stopped
from schemas.settings import Sampling
from tasks.engines.decoding import Row, continues, decode
from tasks.engines.device import device_and_dtype
from tasks.engines.engine import Completion, Request, request_order, unanswered
from tasks.engines.loading import load_causal, one_line
from tasks.engines.model_files import window_of
from tasks.engines.texts import Asked, asked, said


@contextmanager
def open_transformers(settings: TransformersEngine, folder: Path) -> Iterator["LocalEngine"]:
    """Load the weights; give the memory back at the end."""
    gc.freeze()  # at the end only what came after this is searched for cycles, not every library
    try:
        yield LocalEngine(*_loaded(folder), settings.batch_rows)
    finally:
        _give_memory_back()


def _loaded(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer."""
    from transformers import AutoTokenizer, GenerationConfig

    device, dtype = device_and_dtype()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
        model = load_causal(folder, dtype)
        model.to(device).eval()
    except (OSError, ValueError) as error:
        raise Stopped(f"{folder}: the tokenizer cannot be loaded: {one_line(error)}") from error
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise Stopped(f"out of memory: the weights of {folder} do not fit; free some, then run again") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id
    own = model.generation_config  # the base's own sampling defaults would be mixed into the recipe's
    model.generation_config = GenerationConfig(eos_token_id=own.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model, tokenizer


@dataclass
class LocalEngine:
    model: Any
    tokenizer: Any
    batch_rows: int
    ends_of: dict[tuple[str, ...], frozenset[int]] = field(default_factory=dict)
    identity: None = None
    at_once: int = 1

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Batches are fixed by the requests (a shard), so that a rerun meets the same ones; one that memory has no
        room for is halved until it fits, which changes no sample in float32, and in bfloat16 none but by rounding:
        its noise is the row's own."""
        waiting = [*batches(requests, self.batch_rows)][::-1]
        while waiting:
            batch = waiting.pop()
            completions = self._fitting(batch)
            if completions is not None:
                yield from completions
                continue
            _give_memory_back()
            if len(halves := _halves(batch)) == 1:
                raise Stopped(
                    "out of memory: not even one sequence fits; lower max_tokens, or free some memory, then run again"
                )
            waiting += reversed(halves)

    def _fitting(self, batch: list[Request]) -> list[Completion] | None:
        """None if memory has no room for them: by then nothing holds on to what was made."""
        try:
            return self._generate_batch(batch)
        except (MemoryError, RuntimeError) as error:
            if not _is_of_memory(error):
                raise
        return None

    def _generate_batch(self, batch: list[Request]) -> list[Completion]:
        began = time.monotonic()
        prompts = [asked(self.tokenizer, request.prompt) for request in batch]
        if not all(prompt.ids for prompt in prompts):  # beside longer prompts it would be padding, read as text
            raise Stopped(
                f"{self.tokenizer.name_or_path}: an empty prompt has no token to go on from; have the recipe's "
                "prompt template write something, then run again"
            )
        longest = batch[0].sampling.max_tokens
        fits = [not self.window or len(prompt.ids) + longest <= self.window for prompt in prompts]
        if not all(fits):
            return self._without_the_too_long(batch, prompts, fits)
        encoded = self._padded(prompts)
        rows = [(i, sample) for i, r in enumerate(batch) for sample in range(r.first, r.first + r.n)]
        seeds = torch.tensor([_row_seed(batch[i].seed, sample) for i, sample in rows], device=self.model.device)
        with torch.inference_mode():
            decoded = self._decoded(batch[0], encoded, torch.tensor([i for i, _ in rows]), seeds)
        read = said(
            self.tokenizer, [prompts[i] for i, _ in rows], [row.tokens for row in decoded],
            [row.ended for row in decoded], batch[0].sampling.stop,
        )  # fmt: skip
        seconds = time.monotonic() - began
        return [
            Completion(
                request_id=batch[i].id,
                sample=sample,
                prompt=prompts[i].text,
                text=text,
                num_tokens=len(row.tokens),
                finish_reason="stop" if row.ended else "length",
                seconds=seconds,
                token_ids=tuple(row.tokens),
                logprobs=tuple(row.logprobs) if batch[0].logprobs else None,
                prompt_ids=prompts[i].told,
                same_tokens=same,
            )
            for (i, sample), row, (text, same) in zip(rows, decoded, read, strict=True)
        ]

    @cached_property
    def window(self) -> int:
        """The most tokens that the model has positions for; 0 where its config sets no bound."""
        return window_of(self.model.config.to_dict()) or 0

    def _without_the_too_long(self, batch: list[Request], prompts: list[Asked], fits: list[bool]) -> list[Completion]:
        fitting = [request for request, fit in zip(batch, fits, strict=True) if fit]
        problem = f"prompt and max_tokens exceed the {self.window:,} positions of the model"
        return [
            completion
            for request, prompt, fit in zip(batch, prompts, fits, strict=True)
            if not fit
            for completion in unanswered(request, prompt.text, "prompt_too_long", problem)
        ] + (self._generate_batch(fitting) if fitting else [])

    def _padded(self, prompts: list[Asked]) -> dict[str, torch.Tensor]:
        """On the left: each goes on at the right."""
        longest = max(len(prompt.ids) for prompt in prompts)
        gaps = [longest - len(prompt.ids) for prompt in prompts]
        ids = [[self.tokenizer.pad_token_id] * gap + prompt.ids for prompt, gap in zip(prompts, gaps, strict=True)]
        mask = [[0] * gap + [1] * (longest - gap) for gap in gaps]
        device = self.model.device
        return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}

    def _decoded(self, kind: Request, encoded: Any, rows: torch.Tensor, seeds: torch.Tensor) -> list[Row]:
        ids, mask = encoded["input_ids"][rows], encoded["attention_mask"][rows]
        cache = self._shared_prefill(encoded, rows) if kind.n > 1 else None
        ends = self._ends(kind.sampling.stop)
        return decode(self.model, ids, mask, seeds, kind.sampling, ends, cache=cache, logprobs=kind.logprobs)

    def _shared_prefill(self, encoded: Any, rows: torch.Tensor) -> Any:
        """Read each prompt once, up to its last token, for all of its samples."""
        ids, mask = encoded["input_ids"][:, :-1], encoded["attention_mask"][:, :-1]
        if ids.shape[1] == 0 or not continues(self.model):
            return None
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = self.model.base_model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True)
        cache = cache.past_key_values
        cache.reorder_cache(rows.to(ids.device))
        return cache

    def _ends(self, stop: tuple[str, ...]) -> frozenset[int]:
        """Tokens that end a completion: the model's own, and every token that holds one of the characters. Raises
        Stopped for a character that none holds."""
        if stop not in self.ends_of:
            ends = self.model.generation_config.eos_token_id
            listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
            vocabulary = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))]) if stop else []
            holding = {c: [i for i, text in enumerate(vocabulary) if c in text] for c in stop}
            if unheld := [c for c, tokens in holding.items() if not tokens]:
                raise Stopped(
                    f"{self.tokenizer.name_or_path}: stop = {unheld[0]!r} would end nothing: no token holds it; take "
                    "another character, or leave it out, then run again"
                )
            self.ends_of[stop] = frozenset({*listed, self.tokenizer.eos_token_id}.union(*holding.values()) - {None})
        return self.ends_of[stop]


def _is_of_memory(error: Exception) -> bool:
    words = ("can't allocate memory", "not enough memory", "bad_alloc")  # the CPU's allocator has no class of its own
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _give_memory_back() -> None:
    gc.collect()
    gc.unfreeze()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def batches(requests: Sequence[Request], batch_rows: int) -> Iterator[list[Request]]:
    """Requests of one kind together, of like length, at most `batch_rows` sequences a batch."""
    kinds: dict[tuple[Sampling, bool, int], list[Request]] = {}
    for request in sorted(requests, key=request_order):
        kinds.setdefault((request.sampling, request.logprobs, request.n), []).append(request)
    for (_, _, n), same in kinds.items():
        size = max(1, batch_rows // n)
        yield from (same[i : i + size] for i in range(0, len(same), size))


def _halves(batch: list[Request]) -> list[list[Request]]:
    """A batch in two: by its requests, or one request by its samples; one sample is not halved."""
    if len(batch) > 1:
        return [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    (request,) = batch
    if request.n == 1:
        return [batch]
    first = request.n // 2
    return [[replace(request, n=first)], [replace(request, n=request.n - first, first=request.first + first)]]


def _row_seed(seed: int, sample: int) -> int:
    return (seed + sample * 0x5851F42D4C957F2D) % (1 << 63)
