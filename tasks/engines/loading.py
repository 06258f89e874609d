"""Weights as a checkpoint's files have them: loading that made one up, or left one over, is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import Stopped
from tasks.engines.device import use_threads_for

SHOWN = 2
GIVEN: dict[str, Any] = {"output_loading_info": True, "ignore_mismatched_sizes": True}
"""To from_pretrained: say what did not fit, all of it, where it would warn or raise."""


def load_causal(folder: Path, dtype: Any) -> Any:
    """The model of a folder. Raises Stopped, one line, for weights that cannot be loaded as they are."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, **GIVEN
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise Stopped(f"{folder}: the weights cannot be loaded: {one_line(error)}") from error
    if fault := unlike(info):
        raise Stopped(f"{folder}: {fault}; see: selfplay doctor {folder}")
    use_threads_for(model)
    return model


def unlike(info: Mapping[str, Any]) -> str:
    """How files and architecture differ, by what loading told; "" if they are alike."""
    if differing := sorted(info["mismatched_keys"]):
        name, found, wanted = differing[0]
        more = f" (and {len(differing) - 1:,} more)" if len(differing) > 1 else ""
        return f"config.json wants {name} of shape {list(wanted)}, and the files have {list(found)}{more}"
    missing, left = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    said = [f"{_names(missing)} {_are(missing)} missing"] if missing else []
    said += [f"{_names(left)} {_are(left)} left over"] if left else []
    said += [one_line(text) for text in info["error_msgs"][:1]]
    return "the files and config.json differ: " + "; ".join(said) if said else ""


def one_line(said: object) -> str:
    """What an error says, on one line."""
    return " ".join(str(said).split())[:500] or said.__class__.__name__


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(name[:80] for name in names[:SHOWN]) + more


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
