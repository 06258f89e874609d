"""The settings of training: the [train] section of the recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.losses import Dpo, Kto, Optimiser, Policy, Positive, Preference, Rspo, Sft, Spin, Sppo
from schemas.section import Count, Section

READS = {
    "sft": "sft_examples",
    "dpo": "preference_pairs",
    "spin": "preference_pairs",
    "sppo": "preference_pairs",
    "rspo": "preference_pairs",
    "kto": "preference_pairs",
    "policy": "advantages",
}
"""The table that each method trains on."""
READS_BESIDE = {"rspo": "base_samples"}
"""What it reads for those rows, where the recipe has the base answer."""


class Lora(Section):
    """Train low-rank adapters instead of all weights (Hu et al. 2021, arXiv 2106.09685)."""

    rank: Count
    """Rank of the adapters, on all linear layers; merged into the candidate's weights, and kept beside them."""
    alpha: Count
    """Scale of the adapters, over the rank."""


class Stop(Section):
    """When training ends early, with the weights it has; without a rule it never does; the gate decides as ever."""

    min_entropy: Annotated[float, Field(ge=0)] | None = None
    """Training ends early, with the weights it has, when the mean entropy of a token's distribution falls below this;
    in nats."""
    max_kl: Positive | None = None
    """The same when a token's mean KL to the reference of the policy gradient is above this; in nats."""
    max_drift: Positive | None = None
    """The same when the chosen answers' mean log-ratio to the reference has fallen by more than this: both answers of
    the pairs are becoming unlikely."""
    min_reward: Positive | None = None
    """The same when the mean reward of a step's attempts is below this; for the policy gradient."""
    min_length: Positive | None = None
    """The same when the mean length of a step's attempts is below this; in tokens, for the policy gradient."""
    max_length: Positive | None = None
    """The same when it is above this: attempts that only grow."""


class Launch(Section):
    processes: Annotated[int, Field(ge=2)]
    """Processes that share each step's batch and the model, one a GPU, or all on the CPU without one: divides
    batch_size / rows_at_once of every method. Sums are taken in another order than in one process, and so it is part
    of the stage's key; where the processes run is not."""
    machines: Annotated[Count, Field(exclude=True)] = 1
    """Machines with an equal share of the processes each. The one that plays the round is the first; every other one
    types `selfplay join`."""
    address: Annotated[str | None, Field(exclude=True)] = None
    """Name or address of the first machine, as the others reach it; goes with machines above 1."""
    fsdp: Annotated[Literal["full_shard", "shard_grad_op"], Field(exclude=True)] = "full_shard"
    """What FSDP divides. full_shard: weights, gradients and moments; a layer's weights are gathered before it is
    used, forward and backward. shard_grad_op: they stay gathered between the two: more memory, less traffic. The
    weights that come out are the same."""

    @model_validator(mode="after")
    def machines_have_a_share_each(self) -> Self:
        if self.processes % self.machines:
            raise ValueError(f"machines = {self.machines} must divide processes = {self.processes}")
        if (self.machines > 1) != (self.address is not None):
            raise ValueError("address goes with machines above 1, and only with it")
        return self


Method = Literal["sft", "dpo", "spin", "sppo", "rspo", "kto", "policy"]


class Train(Section):
    methods: tuple[Method, ...]
    """One method, or "sft" and then another that goes on from where it ended."""
    use_held_rounds: bool = True
    """Train on the rows of rounds held since the champion, too."""
    previous_rounds: Annotated[int, Field(ge=0)] = 0
    """Train on the preference pairs of so many rounds before, too, promoted ones among them: SPIN's mixing rule is 1;
    the more, the longer the history of opponents."""
    save_minutes: Annotated[float, Field(ge=0, exclude=True)] = 10  # excluded: no part of the stage's key
    """Training saves what it would resume from when the last save is so old; 0 is every step. The weights that come
    out are the same."""
    launch: Launch | None = None
    """Train in several processes, by `accelerate launch`; without it, in this one."""
    lora: Lora | None = None
    """Train adapters; without it, all weights."""
    stop: Stop = Stop()
    sft: Sft | None = None
    """Supervised fine-tuning on agreeing attempts."""
    dpo: Dpo | None = None
    """Direct preference optimisation on agreeing against disagreeing attempts."""
    spin: Spin | None = None
    """Gold answers, or agreeing attempts, against the model's own."""
    sppo: Sppo | None = None
    """Regression to win rates."""
    rspo: Rspo | None = None
    """The same, with a pull to the base."""
    kto: Kto | None = None
    """Agreeing and disagreeing attempts, unpaired."""
    policy: Policy | None = None
    """Policy gradient on every attempt, in waves."""

    @model_validator(mode="after")
    def methods_have_their_tables(self) -> Self:
        after_sft = self.methods[1:] if self.methods[:1] == ("sft",) else self.methods
        if not self.methods or len(after_sft) > 1 or after_sft == ("sft",) or self.methods == ("sft", "policy"):
            raise ValueError('methods must be one method, or "sft" and one other that is not "policy"')
        for method in READS:
            if (method in self.methods) != (getattr(self, method) is not None):
                raise ValueError(f"[train.{method}] goes with '{method}' in methods, and only with it")
        return self

    @model_validator(mode="after")
    def waves_take_no_rows_again(self) -> Self:
        if self.policy is None:
            for name in ("max_kl", "min_reward", "min_length", "max_length"):
                if (value := getattr(self.stop, name)) is not None:
                    raise ValueError(f"stop.{name} = {value} goes with 'policy' in methods")
            return self
        if self.previous_rounds or "use_held_rounds" in self.model_fields_set:
            raise ValueError("use_held_rounds and previous_rounds do not go with 'policy': other policies answered")
        if self.stop.max_drift is not None or (self.stop.max_kl is not None and self.policy.kl is None):
            raise ValueError("with 'policy', stop.max_drift is not measured, and stop.max_kl needs [train.policy] kl")
        return self

    @model_validator(mode="after")
    def what_is_for_pairs_meets_some(self) -> Self:
        if self.policy is None and all(READS[method] != "preference_pairs" for method in self.methods):
            for name, value in (("previous_rounds", self.previous_rounds), ("stop.max_drift", self.stop.max_drift)):
                if value:
                    raise ValueError(f"{name} = {value}: no method in methods reads pairs")
        return self

    @model_validator(mode="after")
    def processes_share_the_batch(self) -> Self:
        if self.launch is None:
            return self
        if self.policy is not None:
            raise ValueError("launch does not go with 'policy': its waves carry moments within one process")
        for method in self.methods:
            section = self.of(method)
            if section.batch_size % (section.rows_at_once * self.launch.processes):
                raise ValueError(
                    f"{method}.rows_at_once = {section.rows_at_once} in each of launch.processes = "
                    f"{self.launch.processes} must divide {method}.batch_size = {section.batch_size}"
                )
        return self

    def of(self, method: str) -> Optimiser:
        """The section of one of the methods."""
        section: Optimiser = getattr(self, method)
        return section

    def of_round(self, number: int) -> Self:
        """These settings as they hold in a round."""
        sections = {method: self.of(method) for method in self.methods}
        return self.model_copy(
            update={m: s.of_round(number) for m, s in sections.items() if isinstance(s, Preference)}
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """The table of each method."""
        return tuple(READS[method] for method in self.methods)

    @property
    def reads_beside(self) -> tuple[str, ...]:
        """What a loss needs of the round beside those."""
        return tuple(READS_BESIDE[method] for method in self.methods if method in READS_BESIDE and self.base_samples)

    def previous_of(self, table: str) -> int:
        """From how many rounds before this one a table's rows are trained on again."""
        return 0 if table == READS["sft"] else self.previous_rounds

    @property
    def base_samples(self) -> bool:
        """Whether a loss needs the base's own answers."""
        return self.rspo is not None and self.rspo.base_samples

    @property
    def references(self) -> tuple[str, ...]:
        """The fixed models that a loss refers to."""
        sections = [self.of(method) for method in self.methods]
        return tuple(name for s in sections if isinstance(s, Preference) for name in s.references)
