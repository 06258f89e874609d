"""Serving: vLLM's command for a checkpoint, under the name that the URL engine asks for."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from schemas.manifest import CheckpointRef
from tasks.engines.served import served_name
from tasks.engines.vllm_command import server_command, server_variables
from tasks.engines.vllm_environment import VllmEnvironment

CPU_CACHE_BYTES = 2 * 2**30  # a GPU's is what its memory leaves


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
    environment: VllmEnvironment, folder: Path, checkpoint: CheckpointRef, port: int, adapter: Adapter | None = None
) -> Serving:
    """A server of these weights. An adapter has a name of its own there: it answers as the merged weights do, but for
    rounding."""
    asked = served_name((adapter.checkpoint if adapter else checkpoint).digest)
    options: dict[str, object] = {"lora-modules": f"{asked}={adapter.folder}"} if adapter else {}
    options |= {} if environment.on_gpu else {"kv-cache-memory-bytes": CPU_CACHE_BYTES}
    rank = adapter.rank if adapter else 0
    arguments = server_command(environment, folder, served_name(checkpoint.digest), port, rank, options)
    return Serving(asked, server_variables(environment), arguments)
