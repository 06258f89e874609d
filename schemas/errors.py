"""The ways a run can end badly, each with its exit code (docs: README, "Exit codes")."""


class FactoryError(Exception):
    """An end that the user can act on: one clear line, and an exit code."""

    exit_code = 4


class BadInput(FactoryError, ValueError):
    """A recipe, file or flag that cannot be used. Raised before anything is written."""

    exit_code = 2


class ValidationFailed(FactoryError):
    """Data that broke a batch-level expectation: the round is published as failed."""

    exit_code = 1


class Damaged(FactoryError):
    """A file of the store is not what was written."""

    exit_code = 1


class Locked(FactoryError):
    """Another writer holds the lineage."""

    exit_code = 3


class Stopped(FactoryError):
    """The world stopped the run (engine, disk, network): a rerun resumes."""

    exit_code = 4


class BudgetSpent(FactoryError):
    """The recipe's own bound on a run was reached: the draft stays, the next run goes on from it."""

    exit_code = 0
