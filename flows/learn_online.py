"""How a round in waves ends: each wave's rows are validated and trained on before the next one asks the policy that
came of it. The alarms look at all waves together, and the gate sees the last policy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.learn import checked, of_the_probe, promote, standing, watched, written
from flows.round import Round
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from tasks.train import train
from tasks.validate import stop_if_invalid


@dataclass(frozen=True)
class Wave:
    """A share of the round's questions and probe rows, by the hash of their texts."""

    number: int
    """From 1."""
    of: int
    policy: CheckpointRef
    """The weights of this moment."""

    @property
    def label(self) -> str:
        return f"wave-{self.number}"

    @property
    def share(self) -> tuple[int, int]:
        return self.number, self.of


def learn_online(r: Round, play_wave: Callable[[Wave], StageRecord]) -> None:
    """Train on what each wave wrote, then decide about the last policy. Waves end early where validation fails or the
    recipe's [train.stop] ends training.

    `play_wave`: plays a wave's stages; the last one's record, whose rows are trained on.
    """
    settings = r.recipe.train.policy
    assert settings is not None, "method_of has looked"
    before = written(r)
    asked = [ref for ref in before if ref not in r.collected.tables.values()]
    stood = standing(r)
    waves, probed, trainings = list[TableRef](), list[TableRef](), list[StageRecord]()
    policy, left = r.champion, dict[str, Any]()
    for number in range(1, settings.waves + 1):
        wave, known = Wave(number, settings.waves, policy), len(written(r))
        rows = play_wave(wave)
        made = written(r)[known:]
        probed += of_the_probe(made)
        looked_at = before if number == 1 else asked  # what the user brought is looked at once
        validated = checked(r, (*looked_at, *made, *(ref for ref in probed if ref not in made)), wave.label)
        waves += [*made, validated.tables["dropped"]]
        if not validated.figures["passed"]:
            break
        trainings.append(_trained(r, wave, rows, validated, left))
        left = trainings[-1].figures
        policy = CheckpointRef(digest=left["checkpoint"])
        if "stopped" in left:
            break
    watched(r, [*before, *waves])
    stop_if_invalid(validated.figures)
    promote(r, trainings, stood)


def _trained(r: Round, wave: Wave, rows: StageRecord, validated: StageRecord, left: dict[str, Any]) -> StageRecord:
    """One wave's training, which goes on where the one before left off: with its adapter, or its moments."""
    named = {"adapter": "checkpoint_adapter"} if r.recipe.train.lora else {"moments": "moments"}
    given: dict[str, Any] = {name: CheckpointRef(digest=left[figure]) for name, figure in named.items() if left}
    for ref in rows.tables.values():
        if ref.table in r.recipe.train.reads:
            given[ref.table] = ValidRows(tables=(ref,), dropped=(validated.tables["dropped"],))
    return r.play(train, label=wave.label, model=wave.policy, base=None, wave=wave.number, **given)
