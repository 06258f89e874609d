"""Variables of a shell that would decide what is written, behind the recipe's back: they are taken out of the
environment of this process, which its children inherit.

What only says where, how fast or how loudly (CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS, HF_HOME, GLOO_SOCKET_IFNAME, ...)
stays as it is.
"""

import ipaddress
from collections.abc import MutableMapping

FOREIGN = {  # why -> names, or how names begin
    "number format, steps, device and plugins of training": "ACCELERATE_*",
    "how weights and batches are divided": (
        "DEEPSPEED_* FSDP_* MEGATRON_LM_* PARALLELISM_CONFIG_* SM_FRAMEWORK_PARAMS SM_HP_MP_PARAMETERS"
    ),
    "left by a launcher: training would wait for others that never come": (
        "RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE NODE_RANK GROUP_RANK GROUP_WORLD_SIZE ROLE_NAME ROLE_RANK "
        "ROLE_WORLD_SIZE MASTER_ADDR MASTER_PORT OMPI_COMM_WORLD_* PMI_* MPI_LOCALRANKID MPI_LOCALNRANKS "
        "MV2_COMM_WORLD_* SMDATAPARALLEL_*"
    ),
    "kernels, compiler, precision and loading of torch": "TORCH* PYTORCH_* AOT* XLA_* PJRT_*",
    "kernels on a GPU, precision and the order of sums": (
        "CUBLAS* CUDNN_* NVIDIA_TF32_OVERRIDE NCCL_ALGO NCCL_PROTO FLASH_ATTENTION_* TRITON_* USE_HUB_KERNELS"
    ),
    "kernels on a CPU, precision and the order of sums": (
        "ATEN_CPU_CAPABILITY DNNL_* ONEDNN_* OPENBLAS_CORETYPE NPY_DISABLE_CPU_FEATURES "
        "MKL_CBWR MKL_DEBUG_CPU_TYPE MKL_DISABLE_FAST_MM MKL_ENABLE_INSTRUCTIONS"
    ),
    "attention, and which libraries and versions transformers takes": "TRANSFORMERS_* USE_TORCH* USE_TF USE_JAX",
    "code out of a checkpoint": "TRUST_REMOTE_CODE",
    "what our output can say": "PYTHONIOENCODING",
}
OF_VLLM = "VLLM_*"
"""Kernels, sampler, precision and scheduler of vLLM, whose server alone reads them."""

KEPT = (  # caches, memory, messages, network, placement
    "TORCH_HOME TORCH_EXTENSIONS_DIR TORCH_CUDA_ARCH_LIST TORCHINDUCTOR_CACHE_DIR TRITON_CACHE_DIR TRITON_PTXAS_PATH "
    "PYTORCH_ALLOC_CONF PYTORCH_CUDA_ALLOC_CONF PYTORCH_NVML_BASED_CUDA_CHECK TORCH_NCCL_* TORCH_DISTRIBUTED_DEBUG "
    "TORCH_CPP_LOG_LEVEL TORCH_LOGS TORCH_SHOW_CPP_STACKTRACES TRANSFORMERS_VERBOSITY "
    "TRANSFORMERS_NO_ADVISORY_WARNINGS VLLM_CACHE_ROOT VLLM_CONFIG_ROOT VLLM_HOST_IP VLLM_LOGGING_LEVEL "
    "VLLM_NCCL_SO_PATH VLLM_CPU_OMP_THREADS_BIND"
)


def take_out(environment: MutableMapping[str, str], also: str = "") -> None:
    """Remove what is foreign; before torch is imported, which reads some of it then."""
    foreign = " ".join((*FOREIGN.values(), also))
    for name in [name for name in environment if _is_of(foreign, name) and not _is_of(KEPT, name)]:
        del environment[name]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: no proxy has any business there."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_of(names: str, name: str) -> bool:
    return any(name == each or (each[-1] == "*" and name.startswith(each[:-1])) for each in names.split())
