"""The command that starts vLLM's server, and what its environment says."""

from collections.abc import Mapping
from pathlib import Path

from schemas.engines import VllmEngine
from tasks.engines.vllm_environment import VllmEnvironment

NAME = "selfplay"  # under which a run's server has its weights, whichever they are
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # those that vLLM has room for
BESIDE = Path(__file__).resolve().parents[2] / "deployments/vllm"  # what its workers import of ours


def server_command(
    environment: VllmEnvironment, folder: Path, name: str, port: int, rank: int, more: Mapping[str, object]
) -> list[str]:
    """Any server of ours, in vLLM's words: on loopback, with room for adapters up to a rank, if that is above 0."""
    options: dict[str, object] = {
        "model": folder,
        "served-model-name": name,
        "host": "127.0.0.1",
        "port": port,
        "dtype": environment.dtype,
        "load-format": "safetensors",  # nothing else: the other forms are pickles
        "generation-config": "vllm",  # the base's own sampling defaults would be mixed into the recipe's
        **more,
    }
    flags = []
    if not environment.on_gpu:  # a prompt that has a seed and is read in parts kills vLLM 0.32 on a CPU
        flags += ["--enforce-eager", "--no-enable-chunked-prefill"]
    if rank:
        flags.append("--enable-lora")
        options["max-lora-rank"] = next(size for size in LORA_RANKS if size >= rank)
    named = [word for option, value in options.items() for word in (f"--{option}", str(value))]
    # the module, not `vllm serve`: the build for CPUs has a command that does not find itself
    return [str(environment.python), "-m", "vllm.entrypoints.openai.api_server", *named, *flags]


def server_variables(environment: VllmEnvironment) -> dict[str, str]:
    """What any server's environment says: nothing is fetched, nothing is told to others,
    files are UTF-8."""
    told = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUTF8": "1"}
    # on a CPU the first request for log-probabilities would compile C++ for half a minute
    return told if environment.on_gpu else told | {"TORCH_COMPILE_DISABLE": "1"}


def command(settings: VllmEngine, environment: VllmEnvironment, folder: Path, port: int, rank: int = 0) -> list[str]:
    """A run's server: it takes other weights, and tells log-probabilities as the model has them."""
    options: dict[str, object] = {
        "max-model-len": settings.max_model_len,
        "logprobs-mode": "raw_logprobs",
        "worker-extension-cls": "selfplay_worker.Weights",
        "middleware": "selfplay_door.Door",
        "tensor-parallel-size": settings.tensor_parallel_size,
        "data-parallel-size": settings.data_parallel_size,
    }
    gib = settings.kv_cache_gib or (None if environment.on_gpu else 1.0)
    options |= {"kv-cache-memory-bytes": int(gib * 2**30)} if gib else {}
    if settings.gpu_memory_utilization is not None:
        options["gpu-memory-utilization"] = settings.gpu_memory_utilization
    caching = "--enable-prefix-caching" if settings.prefix_caching else "--no-enable-prefix-caching"
    return [
        *server_command(environment, folder, NAME, port, rank, options),
        *(caching, "--disable-uvicorn-access-log"),
    ]


def variables(environment: VllmEnvironment, key: str) -> dict[str, str]:
    """What the environment of a run's server says beside this process's own; whoever asks it shows the key."""
    return server_variables(environment) | {
        "VLLM_API_KEY": key,
        "PYTHONPATH": str(BESIDE),
        "VLLM_SERVER_DEV_MODE": "1",  # the door to other weights
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    }
