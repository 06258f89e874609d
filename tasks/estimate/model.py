"""What a model takes: parameters, FLOPs and bytes, from its config.json and the headers of its safetensors.

FLOPs as in Kaplan et al. 2020 (arXiv 2001.08361, section 2.1) and PaLM (Chowdhery et al. 2022, arXiv 2204.02311,
appendix B): 2 a matmul's parameter and token forward, twice that backward, and attention's own two matmuls. For dense
decoders: of a mixture of experts every expert would count.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadInput
from schemas.training import Lora
from tasks.store.tensors import tensors_of

ADAMW_BYTES = 16  # a trained parameter in float32: itself, its gradient, two moments
LOGITS_AT_ONCE = 8  # float32 copies at the loss's peak: measured, with TRL 1.16 on a CPU
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embeddings.word_embeddings.weight", "embed_in.weight")


@dataclass(frozen=True)
class Size:
    """A decoder's sizes, by transformers' names where it has one."""

    model_type: str
    parameters: int
    body: int
    """Those in the layers' matmuls: every token meets them."""
    linear_shapes: tuple[tuple[int, int], ...]
    """Of the layers' matmuls: what adapters go onto."""
    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    weights_bytes: int
    """Of the safetensors, as they lie on the disk."""

    @property
    def head(self) -> int:
        """Parameters of the output's matmul, shared with the embedding or not."""
        return self.hidden_size * self.vocab_size

    def forward(self, tokens: float, context: float, outputs: float | None = None) -> float:
        """FLOPs of a forward pass. `context`: tokens that each token attends to, on average; `outputs`: for how many
        the next one is predicted, if not for all."""
        heads = tokens if outputs is None else outputs
        attention = 4 * self.num_hidden_layers * self.num_attention_heads * self.head_dim * context
        return tokens * (2 * self.body + attention) + 2 * self.head * heads

    def generation(self, requests: float, prompt: float, tokens: float, completions: float) -> float:
        """FLOPs of sampling: each prompt once, then token after token, each on all before it."""
        length = tokens / max(1.0, completions)
        return self.forward(requests * prompt, prompt / 2, 0) + self.forward(tokens, prompt + length / 2)

    def training(self, tokens: float, length: float, lora: Lora | None, recomputed: bool) -> float:
        """FLOPs of optimiser steps over so many tokens, in rows of this length: forward, and backward through the
        activations and, where they are trained, the weights. `recomputed`: forward once more (checkpointing)."""
        passes = (2 if lora else 3) + (1 if recomputed else 0)
        return passes * self.forward(tokens, length / 2) + 6 * tokens * self.adapters(lora)

    def adapters(self, lora: Lora | None) -> int:
        """Parameters of low-rank adapters on every linear layer."""
        return sum(lora.rank * (rows + columns) for rows, columns in self.linear_shapes) if lora else 0

    def generating_bytes(self, sequences: int, length: int, bytes_each: int) -> int:
        """Memory: the weights, the keys and values of every token of a batch, and the logits of its newest."""
        cache = 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim * bytes_each
        return self.parameters * bytes_each + sequences * (length * cache + 2 * 4 * self.vocab_size)

    def training_bytes(self, tokens: int, lora: Lora | None, recomputed: bool, bytes_each: int) -> int:
        """Memory: weights in float32 and AdamW's state of what is trained; what the backward pass needs of so many
        tokens at once, by counting the tensors that a gated layer keeps; and the logits. A process takes more: real
        ones of 11 to 16 million parameters took 4 to 15% more beside their libraries, with adapters up to 60%."""
        trained = self.adapters(lora) if lora else self.parameters
        state = 4 * (self.parameters if lora else 0) + ADAMW_BYTES * trained
        inside = (2 * self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim
        layer = 6 * self.hidden_size + inside + 4 * self.intermediate_size
        kept = self.num_hidden_layers * self.hidden_size + layer if recomputed else self.num_hidden_layers * layer
        return state + tokens * (kept * bytes_each + LOGITS_AT_ONCE * 4 * self.vocab_size)

    def checkpoint_bytes(self, lora: Lora | None) -> int:
        """What training saves of itself to resume from: the weights in training and two moments each, in float32."""
        return 12 * (self.adapters(lora) if lora else self.parameters)


def size_of(folder: Path) -> Size:
    """Raises BadInput for a config or weights that cannot be read."""
    told = _config(folder / "config.json")
    shapes = {name: shape for name, (_, shape) in tensors_of(folder).items()}
    outside = (*EMBEDDINGS, "lm_head.weight")
    matmuls = [shape for name, shape in shapes.items() if len(shape) == 2 and not name.endswith(outside)]
    try:
        hidden, heads = int(told["hidden_size"]), int(told["num_attention_heads"])
        return Size(
            model_type=str(told["model_type"]),
            parameters=sum(math.prod(shape) for shape in shapes.values()),
            body=sum(math.prod(shape) for shape in matmuls),
            linear_shapes=tuple((shape[0], shape[1]) for shape in matmuls),
            num_hidden_layers=int(told["num_hidden_layers"]),
            hidden_size=hidden,
            intermediate_size=int(told.get("intermediate_size") or 4 * hidden),
            num_attention_heads=heads,
            num_key_value_heads=int(told.get("num_key_value_heads") or heads),
            head_dim=int(told.get("head_dim") or hidden // heads),
            vocab_size=int(told["vocab_size"]),
            weights_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{folder / 'config.json'}: no decoder that can be estimated: {error} is missing or no number"
        ) from error


OTHER_NAMES = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads"}  # GPT-2's


def _config(path: Path) -> dict[str, Any]:
    try:
        told = orjson.loads(path.read_bytes())
        told = told | told.get("text_config", {})  # of a model that sees, too
        return {OTHER_NAMES.get(name, name): value for name, value in told.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadInput(f"{path}: not a model's config: {error}") from error
