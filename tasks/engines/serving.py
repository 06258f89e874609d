"""Serving: vLLM's command for a checkpoint, under the name that the URL engine asks for."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from schemas.manifest import CheckpointRef
from tasks.engines.served import served_name

GPUS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # torch would take seconds to say it
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM takes as the most
OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Serving:
    """A command for a shell: on loopback, from files of this machine alone."""

    served_model_name: str
    environment: dict[str, str]
    arguments: list[str]

    @property
    def command(self) -> str:
        return " ".join((*(f"{k}={shlex.quote(v)}" for k, v in self.environment.items()), shlex.join(self.arguments)))


@dataclass(frozen=True)
class Adapter:
    """What low-rank training learned, for a server that adds it to the weights it goes onto."""

    checkpoint: CheckpointRef
    folder: Path
    rank: int


def vllm_serving(
    python: Path, folder: Path, checkpoint: CheckpointRef, port: int, on_gpu: bool, adapter: Adapter | None = None
) -> Serving:
    """vLLM's server of these weights, by its module: `vllm serve` fails in the CPU wheel, which has another name."""
    name = served_name(checkpoint.digest)
    arguments = [
        str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", name,
        "--host", "127.0.0.1", "--port", str(port),
        "--load-format", "safetensors",  # the other forms are pickles
        "--generation-config", "vllm",  # the recipe's sampling, not the model's own defaults
        *(_unmerged(adapter) if adapter else ()),
        *(("--dtype", "bfloat16") if on_gpu else ("--dtype", "float32", "--enforce-eager")),
    ]  # fmt: skip
    if adapter:
        name = served_name(adapter.checkpoint.digest)
    return Serving(name, OFFLINE if on_gpu else OFFLINE | {"VLLM_CPU_KVCACHE_SPACE": "2"}, arguments)


def _unmerged(adapter: Adapter) -> tuple[str, ...]:
    """Under a name of its own: it answers as the merged weights do, but for rounding."""
    most = next((rank for rank in LORA_RANKS if rank >= adapter.rank), adapter.rank)
    module = f"{served_name(adapter.checkpoint.digest)}={adapter.folder}"
    return ("--enable-lora", "--lora-modules", module, "--max-lora-rank", str(most))


def has_gpu() -> bool:
    """Whether this machine has a GPU that it shows."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1") and any(Path(gpu).exists() for gpu in GPUS)
