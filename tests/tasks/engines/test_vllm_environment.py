"""What is installed for vLLM decides what a stage's key knows, and what is refused before a night."""

import pytest

from schemas.errors import BadInput
from tasks.engines.vllm_environment import check_vllm, decides

from .api import TINY


def test_a_stages_key_knows_the_version_and_the_dtype_and_no_size(fake):
    wide = fake.settings.model_copy(update={"tensor_parallel_size": 8, "concurrency": 9, "kv_cache_gib": 2.0})
    told = {"kind": "vllm", "version": "0.32.0", "dtype": "float32"}
    assert decides(fake.settings) == decides(wide) == told
    fake.install({"vllm": "0.33.0"})
    assert decides(fake.settings) == {"kind": "vllm", "version": "0.33.0", "dtype": "bfloat16"}


def test_what_would_end_the_server_later_is_bad_input_now(fake, tmp_path):
    gone = fake.settings.model_copy(update={"python": str(tmp_path / "gone")})
    with pytest.raises(BadInput, match="no such file; install it with: make vllm-env"):
        check_vllm(gone, TINY)
    with pytest.raises(BadInput, match=r"its heads are of 16.*make_tiny_for_vllm\.py"):
        check_vllm(fake.settings, TINY)
    with pytest.raises(BadInput, match=r"gpu_memory_utilization: .*for a CPU"):
        check_vllm(fake.settings.model_copy(update={"gpu_memory_utilization": 0.5}), TINY)
    fake.install({})
    with pytest.raises(BadInput, match="no vLLM is installed beside it; install it with: make vllm-env"):
        check_vllm(fake.settings, TINY)
