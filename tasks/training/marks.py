"""Marks: steps on the way at which the weights are kept too, for whoever looks how training went."""

from pathlib import Path
from typing import Any

import orjson

from tasks.store.objects import write_whole
from tasks.training.resume import remove_work
from tasks.training.sharded import gathered, is_first
from tasks.training.weights import load_model, save

FILE = "marks.json"


def evenly(steps: int, number: int) -> tuple[int, ...]:
    """The last step of each of so many equal stretches."""
    return tuple(-(-steps * i // number) for i in range(1, number + 1))


def keeps(trainer: Any, phase: Any) -> Any:
    """The trainer's callback that stores the weights at each mark. What it stored stands in the trainer's own
    history, which outlives a kill."""
    from transformers import TrainerCallback

    class Marks(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in phase.marks:
                folder = phase.work / f"mark-{state.global_step}"
                model = gathered(trainer, phase)
                if not is_first(trainer):
                    return
                if model is trainer.model:
                    model.save_pretrained(folder / "trained")
                    model = _reloaded(folder / "trained", phase)
                save(model, phase.source, folder / "weights")
                digest = phase.keep_weights(folder / "weights")
                state.log_history.append({"step": state.global_step, "checkpoint": digest})
                remove_work(folder)

    return Marks()


def write_marks(trainer: Any, folder: Path) -> None:
    """Beside what is finished: step -> digest."""
    kept = {str(entry["step"]): entry["checkpoint"] for entry in trainer.state.log_history if "checkpoint" in entry}
    write_whole(folder / FILE, orjson.dumps(kept))


def read_marks(folder: Path, marks: tuple[int, ...], last: str) -> list[str]:
    """Digest of the weights at each mark. Training that ended early has its last at those after it."""
    kept = orjson.loads((folder / FILE).read_bytes())
    return [kept.get(str(step), last) for step in marks]


def _reloaded(folder: Path, phase: Any) -> Any:
    """What a trainer has in memory is left alone: merging adapters, or another number format, would change it."""
    if phase.lora is None:
        return load_model(folder)
    from peft import PeftModel

    return PeftModel.from_pretrained(load_model(phase.source), str(folder))
