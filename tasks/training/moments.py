"""Moments: what an optimiser knows beside the weights, carried from wave to wave, without pickle."""

import shutil
from pathlib import Path
from typing import Any

FILE = "moments.safetensors"


def save_moments(model: Any, optimizer: Any, folder: Path) -> None:
    """Write the optimiser's tensors, by parameter, and the trained weights as exact as they were trained: a wave's
    checkpoint may have a shorter number format."""
    from safetensors.torch import save_file

    tensors = {f"weights/{name}": weights for name, weights in _trained(model)}
    for name, weights in _trained(model):
        for kind, moment in optimizer.state.get(weights, {}).items():
            tensors[f"{kind}/{name}"] = moment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}, folder / FILE)


def load_moments(model: Any, optimizer: Any, folder: Path) -> None:
    """Take up weights and optimiser where they were saved. Raises KeyError if they are those of another model."""
    import torch
    from safetensors.torch import load_file

    tensors, names = load_file(folder / FILE), {weights: name for name, weights in _trained(model)}
    state = {}
    for place, weights in enumerate(weights for group in optimizer.param_groups for weights in group["params"]):
        of_it = {key.removesuffix(f"/{names[weights]}"): key for key in tensors if key.endswith(f"/{names[weights]}")}
        with torch.no_grad():
            weights.copy_(tensors[of_it.pop("weights")])
        state[place] = {kind: tensors[key] for kind, key in of_it.items()}
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, weights) for name, weights in model.named_parameters() if weights.requires_grad]
