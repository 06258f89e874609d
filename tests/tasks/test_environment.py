"""Variables that would decide what is written: they are gone, and what only says where or how fast is not."""

import pytest

from tasks.environment import OF_VLLM, is_loopback, take_out


@pytest.mark.parametrize(
    "name",
    [
        *("ACCELERATE_MIXED_PRECISION", "ACCELERATE_USE_CPU", "FSDP_OFFLOAD_PARAMS", "PARALLELISM_CONFIG_TP_SIZE"),
        *("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "OMPI_COMM_WORLD_SIZE", "PMI_RANK"),
        *("TORCHELASTIC_RUN_ID", "TORCHDYNAMO_DISABLE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "PYTORCH_JIT"),
        *("NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG", "ATEN_CPU_CAPABILITY", "MKL_CBWR"),
        *("ONEDNN_DEFAULT_FPMATH_MODE", "TRANSFORMERS_SDPA_FORCE_GQA", "USE_HUB_KERNELS", "TRUST_REMOTE_CODE"),
    ],
)
def test_what_another_project_left_in_the_shell_is_taken_out(name):
    environment = {name: "1", "PATH": "/bin"}
    take_out(environment)
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "name",
    [
        *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "HF_HOME"),
        *("TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TORCH_NCCL_TRACE_BUFFER_SIZE", "NCCL_SOCKET_IFNAME"),
        *("PYTORCH_CUDA_ALLOC_CONF", "GLOO_SOCKET_IFNAME", "RAY_ADDRESS", "TRANSFORMERS_VERBOSITY"),
        *("AWS_ROLE_ARN", "SLURM_JOB_ID", "RANKING", "VLLM_API_KEY"),
    ],
)
def test_what_says_where_how_fast_or_how_loudly_stays(name):
    environment = {name: "1"}
    take_out(environment)
    assert environment == {name: "1"}


def test_vllms_own_variables_are_withheld_from_its_server_but_for_caches_and_the_network():
    environment = {"VLLM_ATTENTION_BACKEND": "x", "VLLM_API_KEY": "x", "VLLM_CACHE_ROOT": "x", "VLLM_HOST_IP": "x"}
    take_out(environment, OF_VLLM)
    assert environment.keys() == {"VLLM_CACHE_ROOT", "VLLM_HOST_IP"}


def test_loopback_is_known_by_every_name_of_it():
    assert all(map(is_loopback, ("localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.8.7", "::1", "[::1]")))
    assert not any(map(is_loopback, ("", "example.org", "10.0.0.1", "localhost.example.org", "12.7.0.1")))
