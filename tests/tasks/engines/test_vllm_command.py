"""The command that starts vLLM's server."""

from tasks.engines.vllm_command import command
from tasks.engines.vllm_environment import vllm_environment

from .api import TINY


def test_the_command_says_what_the_recipe_says(fake):
    settings = fake.settings.model_copy(
        update={"tensor_parallel_size": 2, "data_parallel_size": 3, "prefix_caching": False, "kv_cache_gib": 0.5}
    )
    words = " ".join(command(settings, vllm_environment(str(fake.python)), TINY, 1234))
    for option in (
        f"--model {TINY}", "--port 1234", "--host 127.0.0.1", "--dtype float32", "--tensor-parallel-size 2",
        "--data-parallel-size 3", "--no-enable-prefix-caching", "--kv-cache-memory-bytes 536870912",
        "--load-format safetensors", "--enforce-eager", "--no-enable-chunked-prefill", "--max-model-len 64",
        "--middleware selfplay_door.Door",
    ):  # fmt: skip
        assert option in words
    fake.install({"vllm": "0.32.0"})
    on_gpu = fake.settings.model_copy(update={"gpu_memory_utilization": 0.8})
    words = " ".join(command(on_gpu, vllm_environment(str(fake.python)), TINY, 1234))
    assert "--dtype bfloat16" in words
    assert "--gpu-memory-utilization 0.8" in words
    assert "--enforce-eager" not in words
    assert "chunked-prefill" not in words
    assert "--kv-cache-memory-bytes" not in words
