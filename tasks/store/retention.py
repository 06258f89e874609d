"""Retention: weights of held rounds beyond the newest few are dropped, by a record; rows and manifests stay."""

from collections.abc import Callable, Iterable

from schemas.manifest import Manifest
from tasks.store.lineage import Lineage
from tasks.store.records import add_record


def drop_held_weights(lineage: Lineage, keep_held: int | None, prove: Callable[[], None] = lambda: None) -> list[int]:
    """Record which held rounds' weights may go; their numbers. `selfplay gc` removes the files.

    Kept whatever the number: the weights of a round that awaits approval and could still be approved.
    """
    if keep_held is None:
        return []
    held = [m for m in lineage.manifests if m.decision == "held" and m.candidate and not m.weights_dropped]
    beyond = [m for m in held[: max(0, len(held) - keep_held)] if not can_be_approved(lineage, m)]
    for m in beyond:
        why = f"beyond the {keep_held} newest held (retention.keep_held)"
        add_record(lineage.folder, "drop-weights", m.round, why, prove=prove)
    return [m.round for m in beyond]


def needed_weights(rounds: Iterable[Manifest]) -> dict[str, Manifest]:
    """Digest -> the first of these rounds that needs the weights: its base, its champion, or a candidate and its
    adapter that no record dropped. What one round dropped, another may need."""
    needed: dict[str, Manifest] = {}
    for m in rounds:
        trained = () if m.weights_dropped else (*m.trained, m.adapter)
        for checkpoint in (*m.begun_with, *trained):
            if checkpoint:
                needed.setdefault(checkpoint.digest, m)
    return needed


def can_be_approved(lineage: Lineage, round: Manifest) -> bool:
    """Whether a round was shown to be better than the model that is champion now, and awaits approval."""
    awaiting = round.decision == "held" and round.gate is not None and round.gate.awaiting_approval
    return awaiting and not round.weights_dropped and lineage.champion(round.base) == round.champion
