"""The sections [engine] and [executor]: what generates, and where."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.section import Count, Section

ModelName = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class TransformersEngine(Section):
    kind: Literal["transformers"]
    """Generate in this process, on the GPU if there is one, else on the CPU. There a model narrower than 512 has one
    thread on each core, up to 8, each in a process of its own; OMP_NUM_THREADS says on how many."""
    batch_rows: Count = 256
    """Most sequences generated at once; halved where memory has no room for them."""


class OpenAIEngine(Section):
    kind: Literal["openai"]
    """Generate by any OpenAI-compatible server, such as vLLM."""
    url: Annotated[str, Field(pattern=r"^https?://")]
    """Root of the API, such as http://127.0.0.1:8000/v1."""
    api: Literal["completions", "chat"] = "completions"
    """completions: prompts are rendered here and sent as text; chat: messages are sent as they are, a raw prompt as
    one of the user's, and the server applies its template."""
    model: ModelName | None = None
    """Another's model that writes questions and attempts in the champion's place, by the name that the server lists;
    without it the server serves the champion itself, under a name made of its digest. Goes with revision."""
    revision: ModelName | None = None
    """Which version of it that is, a commit or a date: no server tells the digest of its weights, so this stands in
    the stage's key in its place. Another value plays the stages anew."""
    concurrency: Count = 64
    """Most requests under way at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 600
    """Longest wait for one request."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key, if the server wants one."""
    renamed: dict[Literal["max_tokens", "seed", "stop", "presence_penalty", "logprobs"], ModelName] = Field(
        default_factory=dict
    )
    """What the server calls a parameter of the API by another name: { max_tokens = "max_completion_tokens" }."""
    leave_out: tuple[Literal["seed", "n"], ...] = ()
    """What the server does not take: seed (its samples are then not to be had again), or n (samples are asked for one
    by one)."""

    @model_validator(mode="after")
    def another_model_has_a_revision(self) -> Self:
        if (self.model is None) != (self.revision is None):
            raise ValueError("model and revision go together: name both, or neither to ask the champion itself")
        if "seed" in self.renamed and "seed" in self.leave_out:
            raise ValueError("renamed and leave_out both name seed")
        return self


class VllmEngine(Section):
    kind: Literal["vllm"]
    """Generate by vLLM (`make vllm-env`), in a server that the run starts on loopback, watches and ends."""
    python: str | None = None
    """Python of the environment that vLLM is installed in; without it, .venv-vllm/bin/python of this checkout."""
    max_model_len: Count
    """Longest prompt and completion together, in tokens."""
    concurrency: Count = 64
    """Most requests under way at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 600
    """Longest wait for one request; after it the server is looked at, and started again if it does not answer."""
    tensor_parallel_size: Count = 1
    """GPUs that share one copy of the weights."""
    data_parallel_size: Count = 1
    """Copies of the weights, each on GPUs of its own."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of a GPU's memory that the server takes; without it, vLLM's own."""
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = None
    """GiB for the tokens under way, instead of that share; without it, 1 on a CPU."""
    prefix_caching: bool = True
    """Whether prompts that begin alike are read once."""

    @model_validator(mode="after")
    def memory_is_said_once(self) -> Self:
        if self.gpu_memory_utilization is not None and self.kv_cache_gib is not None:
            raise ValueError("gpu_memory_utilization and kv_cache_gib exclude each other")
        return self


AnyEngine = Annotated[TransformersEngine | OpenAIEngine | VllmEngine, Field(discriminator="kind")]


class LocalExecutor(Section):
    kind: Literal["local"] = "local"
    """Generate and judge in this process."""


class RayExecutor(Section):
    kind: Literal["ray"]
    """Generate and judge on a Ray cluster, shards side by side: what is written stays the same (docs/scale.md)."""
    address: Annotated[str, Field(pattern=r"^(auto|local|[A-Za-z0-9._-]+:[0-9]{1,5})$")] = "auto"
    """host:port of the cluster; auto: what RAY_ADDRESS names, or else the one that this machine is part of; local:
    one of this machine alone, for as long as the run."""
    workers: Count
    """Most shards at work at once, and most engines."""
    cpus: Count = 1
    """Cores of a node that each of them takes."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs of a node that each engine takes; without one it computes on the CPU."""


Executor = LocalExecutor | RayExecutor
LOCAL = LocalExecutor()
