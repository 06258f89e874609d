"""The transformers engine: batched generation in this process, on a GPU or a CPU."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from schemas.errors import Stopped
from schemas.settings import TransformersEngine
from tasks.engines.engine import Completion, Message, Request, request_order
from tasks.engines.noise import RowKeyedSampling


@contextmanager
def open_transformers(settings: TransformersEngine, folder: Path) -> Iterator["LocalEngine"]:
    """Load the weights; give the memory back at the end."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    device, dtype = device_and_dtype()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
        with _enough_memory(f"the weights of {folder} do not fit; free some memory"):
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, use_safetensors=True
            )
            model.to(device).eval()
    except (OSError, ValueError) as error:
        raise Stopped(f"{folder}: the weights cannot be loaded: {str(error).splitlines()[0]}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id
    own = model.generation_config  # the base's own sampling defaults would be mixed into the recipe's
    model.generation_config = GenerationConfig(eos_token_id=own.eos_token_id, pad_token_id=own.pad_token_id)
    try:
        yield LocalEngine(model, tokenizer, settings.batch_rows)
    finally:
        del model
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()


def device_and_dtype() -> tuple[str, torch.dtype]:
    """bfloat16 on a GPU; float32 on a CPU, where bfloat16 is several times slower."""
    return ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)


@dataclass
class LocalEngine:
    model: Any
    tokenizer: Any
    batch_rows: int
    ends_of: dict[tuple[str, ...], frozenset[int]] = field(default_factory=dict)

    def generate(
        self, requests: Sequence[Request], progress: Callable[[int], None] = lambda completions: None
    ) -> list[Completion]:
        """Batches are fixed by the requests (a shard), so that a rerun meets the same ones."""
        done: dict[str, list[Completion]] = {}
        for batch in _batches(requests, self.batch_rows):
            with _enough_memory(f"engine.batch_rows = {self.batch_rows} is too many at once; lower it"):
                completions = self._generate_batch(batch)
            for completion in completions:
                done.setdefault(completion.request_id, []).append(completion)
            progress(sum(request.n for request in batch))
        return [completion for request in requests for completion in done[request.id]]

    def _generate_batch(self, batch: list[Request]) -> list[Completion]:
        from transformers import GenerationConfig, LogitsProcessorList

        sampling = batch[0].sampling
        prompts = [rendered(self.tokenizer, request.prompt) for request in batch]
        encoded = self.tokenizer(prompts, return_tensors="pt", padding=True)
        encoded = encoded.to(self.model.device)
        rows = torch.tensor([i for i, request in enumerate(batch) for _ in range(request.n)])
        samples = [sample for r in batch for sample in range(r.first, r.first + r.n)]
        row_seeds = [_row_seed(batch[row].seed, sample) for row, sample in zip(rows.tolist(), samples, strict=True)]
        seeds = torch.tensor(row_seeds, device=self.model.device)
        length = encoded["input_ids"].shape[1]
        config = GenerationConfig(
            do_sample=False,  # the noise is in the logits
            max_new_tokens=sampling.max_tokens,
            eos_token_id=sorted(self._ends(sampling.stop)),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        with torch.inference_mode():
            output = self.model.generate(
                encoded["input_ids"][rows],
                attention_mask=encoded["attention_mask"][rows],
                past_key_values=self._shared_prefill(encoded, rows) if batch[0].n > 1 else None,
                generation_config=config,
                logits_processor=LogitsProcessorList([RowKeyedSampling(sampling, seeds, length)]),
            )
        generated = output[:, length:].cpu()
        return [
            self._completion(batch[i], prompts[i], sample, tokens)
            for i, sample, tokens in zip(rows.tolist(), samples, generated, strict=True)
        ]

    def _shared_prefill(self, encoded: Any, rows: torch.Tensor) -> Any:
        """Read each prompt once, up to its last token, for all of its samples."""
        ids, mask = encoded["input_ids"][:, :-1], encoded["attention_mask"][:, :-1]
        if ids.shape[1] == 0:
            return None
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = self.model.base_model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True)
        cache = cache.past_key_values
        cache.batch_select_indices(rows.to(ids.device))
        return cache

    def _completion(self, request: Request, prompt: str, sample: int, tokens: torch.Tensor) -> Completion:
        ends, ids = self._ends(request.sampling.stop), tokens.tolist()
        stop = next((i for i, token in enumerate(ids) if token in ends), None)
        text = self.tokenizer.decode(ids if stop is None else ids[: stop + 1], skip_special_tokens=True)
        for character in request.sampling.stop:
            text = text.split(character, 1)[0]  # the token that ended it may hold more than the character
        return Completion(
            request_id=request.id,
            sample=sample,
            prompt=prompt,
            text=text,
            num_tokens=len(ids) if stop is None else stop + 1,
            finish_reason="length" if stop is None else "stop",
        )

    def _ends(self, stop: tuple[str, ...]) -> frozenset[int]:
        """Tokens that end a completion: the model's own, and every token that holds one of the characters."""
        if stop not in self.ends_of:
            ends = self.model.generation_config.eos_token_id
            listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
            vocabulary = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))]) if stop else []
            holding = [i for i, text in enumerate(vocabulary) if any(character in text for character in stop)]
            self.ends_of[stop] = frozenset({*listed, self.tokenizer.eos_token_id, *holding})
        return self.ends_of[stop]


@contextmanager
def _enough_memory(mend: str) -> Iterator[None]:
    """Raise Stopped, with what would mend it, where memory ends. Batches are not halved: they are part of what a row
    came from."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise Stopped(f"out of memory: {mend}, then run again") from error
    except RuntimeError as error:  # the CPU's allocator has no class of its own
        if not any(words in str(error) for words in ("can't allocate memory", "not enough memory", "bad_alloc")):
            raise
        raise Stopped(f"out of memory: {mend}, then run again") from error


def rendered(tokenizer: Any, prompt: str | tuple[Message, ...]) -> str:
    """The prompt as text. Whoever tokenizes it, here, a server or a trainer, adds the tokenizer's own special tokens:
    a chat template that writes the first of them as well would give it twice."""
    if isinstance(prompt, str):
        return prompt
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    first = tokenizer.bos_token
    added = first is not None and tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
    return text.removeprefix(first) if added else text


def _batches(requests: Sequence[Request], batch_rows: int) -> Iterator[list[Request]]:
    """Requests of one kind together, of like length, at most `batch_rows` sequences a batch."""
    for (_, n), group in groupby(sorted(requests, key=lambda r: (_kind(r), request_order(r))), key=_kind):
        same = list(group)
        size = max(1, batch_rows // n)
        yield from (same[i : i + size] for i in range(0, len(same), size))


def _kind(request: Request) -> tuple[str, int]:
    return request.sampling.model_dump_json(), request.n


def _row_seed(seed: int, sample: int) -> int:
    return (seed + sample * 0x5851F42D4C957F2D) % (1 << 63)
