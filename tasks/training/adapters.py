"""Adapters: what low-rank training learned, kept beside the weights that it was merged into, for servers that add it
to the weights it began from (`selfplay serve --adapter`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

WEIGHTS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"  # peft's names
BASE = "base_model_name_or_path"  # a digest here: a name, or a path, says nothing of the weights


def save_adapter(model: Any, folder: Path) -> None:
    """Before it is merged. Training without adapters leaves none."""
    if hasattr(model, "merge_and_unload"):
        model.save_pretrained(folder)


def write_chained(adapters: Sequence[Path], base: str, target: Path) -> None:
    """One adapter that does what these do one after the other: their ranks side by side, on the weights named `base`.

    All have the same alpha over rank, as those of one recipe do. The same files whatever the process: peft writes the
    layers' names in the order of a set.
    """
    import torch
    from safetensors.torch import load_file, save_file

    told = [orjson.loads((folder / SETTINGS).read_bytes()) for folder in adapters]
    parts = [load_file(folder / WEIGHTS) for folder in adapters]
    assert len({part["lora_alpha"] / part["r"] for part in told}) == 1
    joined = {
        name: torch.cat([part[name] for part in parts], dim=0 if "lora_A" in name else 1).contiguous()
        for name in sorted(parts[0])
    }
    rank = sum(part["r"] for part in told)
    settings = told[0] | {
        "r": rank,
        "lora_alpha": told[0]["lora_alpha"] * rank // told[0]["r"],
        "target_modules": sorted(told[0]["target_modules"]),
        "inference_mode": True,
        BASE: base,
    }
    target.mkdir(parents=True, exist_ok=True)
    save_file(joined, target / WEIGHTS, metadata={"format": "pt"})
    (target / SETTINGS).write_bytes(orjson.dumps(settings, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


def base_of(adapter: Path) -> str:
    """Digest of the weights that an adapter goes onto."""
    return str(orjson.loads((adapter / SETTINGS).read_bytes())[BASE])


def rank_of(adapter: Path) -> int:
    return int(orjson.loads((adapter / SETTINGS).read_bytes())["r"])
