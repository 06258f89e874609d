"""The settings of training: the [train] section of the recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Count, Section


class Lora(Section):
    rank: Count
    """Rank of the adapters, on all linear layers; merged into the weights before they are stored."""
    alpha: Count
    """Scale of the adapters, over the rank."""


class Optimiser(Section):
    steps: Count
    """Optimiser steps."""
    batch_size: Count
    """Rows a step."""
    rows_at_once: Count
    """Rows in memory at once; divides batch_size."""
    learning_rate: Annotated[float, Field(gt=0)]
    """Peak learning rate."""
    schedule: Literal["constant", "linear", "cosine"]
    """How it falls."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which it rises."""
    max_length: Count
    """Longest row, in tokens; longer ones are cut."""

    @model_validator(mode="after")
    def rows_at_once_divide_the_batch(self) -> Self:
        if self.batch_size % self.rows_at_once:
            raise ValueError("rows_at_once must divide batch_size")
        return self


class Sft(Optimiser):
    completion_only: bool
    """True: the loss is on the solution alone; False: on the question too, which keeps the proposer trained."""


class Dpo(Optimiser):
    beta: Annotated[float, Field(gt=0)]
    """Strength of the pull to the reference (the weights that training began from)."""
    loss_type: tuple[Literal["sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "sft"], ...]
    """TRL's names; several are summed."""
    loss_weights: tuple[float, ...]
    """One weight a loss."""

    @model_validator(mode="after")
    def one_weight_a_loss(self) -> Self:
        if not self.loss_type or len(self.loss_type) != len(self.loss_weights):
            raise ValueError("loss_type and loss_weights need one entry a loss, and at least one")
        return self


class Train(Section):
    methods: tuple[Literal["sft", "dpo"], ...]
    """["sft"], ["dpo"] or ["sft", "dpo"], in this order, each from where the one before ended."""
    use_held_rounds: bool = True
    """Train on the rows of rounds held since the champion, too."""
    save_minutes: Annotated[float, Field(ge=0, exclude=True)] = 10  # excluded: no part of the stage's key
    """Training saves what it would resume from when the last save is so old; 0 is every step. The weights that come
    out are the same."""
    lora: Lora | None = None
    """Train adapters; without it, all weights."""
    sft: Sft | None = None
    """Supervised fine-tuning on agreeing attempts."""
    dpo: Dpo | None = None
    """Direct preference optimisation on agreeing against disagreeing attempts."""

    @model_validator(mode="after")
    def methods_have_their_tables(self) -> Self:
        if self.methods not in (("sft",), ("dpo",), ("sft", "dpo")):
            raise ValueError('methods must be ["sft"], ["dpo"] or ["sft", "dpo"]')
        for method, table in (("sft", self.sft), ("dpo", self.dpo)):
            if (method in self.methods) != (table is not None):
                raise ValueError(f"[train.{method}] goes with '{method}' in methods, and only with it")
        return self
