"""The sections of [train] that set a loss, and the optimiser's settings that they share."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.section import Count, Name, Section, Share

Scale = Literal["none", "sample", "population"]
Reduction = Literal["sequence", "token", "constant"]
Positive = Annotated[float, Field(gt=0)]


class Optimiser(Section):
    steps: Count
    """Optimiser steps."""
    batch_size: Count
    """Rows a step."""
    rows_at_once: Count = Field(default_factory=lambda given: given.get("batch_size", 1))
    """Rows in memory at once; divides batch_size. Without it, the whole batch."""
    learning_rate: Positive
    """Peak learning rate."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How it falls."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which it rises."""
    max_length: Count
    """Longest row, prompt and answer, in tokens; longer ones are dropped, and if most are, the round fails."""

    @model_validator(mode="after")
    def rows_at_once_divide_the_batch(self) -> Self:
        if self.batch_size % self.rows_at_once:
            raise ValueError(f"rows_at_once = {self.rows_at_once} must divide batch_size = {self.batch_size}")
        return self


class Sft(Optimiser):
    completion_only: bool = True
    """True: the loss is on the solution alone; False: on the question too, which keeps the proposer trained."""
    weight: Literal["agreement"] | None = None
    """agreement: a row's loss is weighted by the share of attempts behind its label; without it, all count alike."""


class Change(Section):
    """Another rate or beta from some round on, as SPIN's later iterations have."""

    from_round: Annotated[int, Field(ge=2)]
    """The round from which these hold instead."""
    learning_rate: Positive | None = None
    """Without it, as before."""
    beta: Positive | None = None
    """Without it, as before."""

    @model_validator(mode="after")
    def something_changes(self) -> Self:
        if self.learning_rate is None and self.beta is None:
            raise ValueError(f"from_round = {self.from_round} changes nothing: give learning_rate or beta")
        return self


class Preference(Optimiser):
    beta: Positive
    """Strength of the pull to the reference."""
    reference: Literal["start", "champion", "base", "mixture"] = "champion"
    """What the log-ratios are against. champion: what answered (the previous iterate); start: the weights that this
    method begins with (this round's SFT, if that comes first); base: the lineage's first weights; mixture: the
    geometric mean of champion and base, weighted by base_share."""
    base_share: Share | None = None
    """The base's weight in the mixture; 0 is the champion alone (alpha-SPIN's alpha)."""
    changes: tuple[Change, ...] = ()
    """Other rates or betas for later rounds."""

    @model_validator(mode="after")
    def a_share_goes_with_a_mixture(self) -> Self:
        if (self.reference == "mixture") != (self.base_share is not None):
            raise ValueError("base_share goes with reference = 'mixture', and only with it")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """The fixed models whose log-probabilities the loss needs."""
        return ("champion", "base") if self.reference == "mixture" else (self.reference,)

    def of_round(self, number: int) -> Self:
        """These settings as they hold in a round."""
        changed = {
            name: value
            for change in sorted(self.changes, key=lambda change: change.from_round)
            if change.from_round <= number
            for name, value in change.model_dump(exclude={"from_round"}, exclude_none=True).items()
        }
        return self.model_copy(update=changed | {"changes": ()})


DpoLoss = Literal[
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
]  # fmt: skip


class Dpo(Preference):
    reference: Literal["start", "champion", "base", "mixture"] = "start"
    """As of any preference method, but what training begins with unless told."""
    loss_type: tuple[DpoLoss, ...]
    """TRL's names; several are summed."""
    loss_weights: tuple[float, ...]
    """One weight a loss."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """How often a pair is taken to be the wrong way round: for robust, aot, aot_unpaired, and exo_pair, which needs
    some."""

    @model_validator(mode="after")
    def losses_have_what_they_need(self) -> Self:
        if not self.loss_type or len(self.loss_type) != len(self.loss_weights):
            raise ValueError("loss_type and loss_weights need one entry a loss, and at least one")
        if "exo_pair" in self.loss_type and self.label_smoothing == 0:
            raise ValueError("loss_type = 'exo_pair' needs label_smoothing above 0")
        if self.label_smoothing and not {"robust", "exo_pair", "aot", "aot_unpaired"} & set(self.loss_type):
            raise ValueError(f"label_smoothing = {self.label_smoothing}: no loss in loss_type reads it")
        return self


class Spin(Preference):
    """No further settings: the logistic loss on the two log-ratios."""


class Sppo(Preference):
    win_rates: Literal["pool", "pair"]
    """pool: how often an answer wins against all of its question; pair: against the other of its pair."""


class Rspo(Sppo):
    regularizer: Literal[
        "reverse_kl", "forward_kl", "forward_and_reverse_kl", "chi_squared", "entropy", "base_samples"
    ]
    """What pulls to the base, on the pairs' own answers; base_samples: on the base's answers to their questions."""
    weight: Annotated[float, Field(ge=0)]
    """How strongly; 0 is SPPO."""
    reverse_weight: Positive | None = None
    """How much the reverse KL counts beside the forward one, for forward_and_reverse_kl."""

    @model_validator(mode="after")
    def a_reverse_weight_goes_with_both(self) -> Self:
        if (self.regularizer == "forward_and_reverse_kl") != (self.reverse_weight is not None):
            raise ValueError(
                "reverse_weight goes with regularizer = 'forward_and_reverse_kl', and only with it; "
                f"here with '{self.regularizer}'"
            )
        return self

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*super().references, "base")))

    @property
    def base_samples(self) -> bool:
        """Whether it reads the base's own answers."""
        return self.regularizer == "base_samples"


class Kto(Optimiser):
    beta: Positive
    """Strength of the pull to the weights that training began from."""
    desirable_weight: Positive = 1.0
    """Weight of agreeing attempts."""
    undesirable_weight: Positive = 1.0
    """Weight of disagreeing ones."""

    @model_validator(mode="after")
    def attempts_stand_against_others(self) -> Self:
        if self.rows_at_once < 2:
            raise ValueError(
                f"rows_at_once = {self.rows_at_once}: the KL is estimated from other attempts; at least 2"
            )
        return self


class Policy(Optimiser):
    waves: Count
    """Waves a round: each solves its share of the questions with the policy that the wave before left."""
    steps: Count
    """Optimiser steps a wave; the learning rate rises and falls over those of all waves."""
    every: dict[Name, Count] = Field(default_factory=dict, exclude=True)  # what is trained on is in the key itself
    """Role -> every how many waves it is trained; without an entry, in each. What it wrote in the waves between is
    trained on as well if the weights that wrote it are still the same, and else left out."""
    advantage: Literal["group", "leave_one_out", "batch"] | None = None
    """What a reward is held against, unless the method says it. group: the mean of its question's attempts;
    leave_one_out: of its question's other attempts; batch: of all tokens of the wave, over their deviation."""
    scale: Scale | None = None
    """Deviation that a group's advantages are divided by; for advantage = 'group'."""
    filter: Literal["before", "after"] | None = None
    """Goes with advantage. before: only selected questions count in what rewards are held against; after: every
    question with a verdict does, and those off the band are left out afterwards."""
    kl: Literal["reward", "loss"] | None = None
    """Pull to the reference: reward: its log-ratio (k1) is taken off the reward, token by token where the advantage
    is the batch's, else summed; loss: an estimate without bias or large variance (k3) is added to the loss; without
    it, none."""
    kl_weight: Positive | None = None
    """How strongly."""
    reference: Literal["base", "champion"] | None = None
    """To which weights: the lineage's first, or those that the round began with."""
    clip_low: Annotated[float, Field(gt=0, lt=1)]
    """The ratio to the policy that answered counts down to one minus this."""
    clip_high: Positive
    """And up to one plus this."""
    reduction: Reduction
    """sequence: mean over an attempt's tokens, then over attempts; token: mean over all tokens of a step; constant:
    their sum over attempts times max_length."""

    @model_validator(mode="after")
    def every_role_has_its_turn(self) -> Self:
        for role, every in self.every.items():
            if every > self.waves:
                raise ValueError(f"every.{role} = {every} with waves = {self.waves}: the {role} is never trained")
        return self

    @model_validator(mode="after")
    def values_go_together(self) -> Self:
        if (self.advantage == "group") != (self.scale is not None):
            raise ValueError(f"scale goes with advantage = 'group', and only with it; here with '{self.advantage}'")
        if (self.advantage is None) != (self.filter is None):
            raise ValueError("advantage and filter go together")
        if len({self.kl is None, self.kl_weight is None, self.reference is None}) > 1:
            raise ValueError("kl, kl_weight and reference go together")
        return self
