"""Make deployments/models/tiny_vllm: the tiny model with heads of 64 in place of 16, which vLLM has no kernel for on
a CPU.

    python scripts/make_tiny_for_vllm.py

The function is the same, up to the order in which floats are summed:

- Each head's 16 rows of q, k and v, and its 16 columns of o, become every fourth of 64; the others are zero, and add
  nothing.
- Rotary embedding turns the pair (i, i + 32) of 64 by position * theta^(-2i/64). The old pair (i, i + 8) stands at
  (4i, 4i + 32), and is turned by theta^(-8i/64) = theta^(-2i/16), as before; a pair of zeros stays one.
- Scores are divided by sqrt(64) in place of sqrt(16): q is doubled for that, which rounds nothing.

The zeros stay so under training, and with them a model of heads of 16: the gradient of a zero row of q is a sum of
products with k's zeros there, and the other way round; that of v's with o's, and o's with v's. Neither AdamW nor its
weight decay moves what is zero and has no gradient. A step of q, which is doubled, counts for half of the tiny
model's: after training the two have other weights.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

MODELS = Path(__file__).resolve().parents[1] / "deployments/models"
HEAD_SIZE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tiny model's twin with heads of 64.")
    parser.add_argument("--source", type=Path, default=MODELS / "tiny", help="folder of the tiny model")
    parser.add_argument("--target", type=Path, default=MODELS / "tiny_vllm", help="folder that is made")
    arguments = parser.parse_args()
    widen(arguments.source, arguments.target)


def widen(source: Path, target: Path) -> None:
    """Write the twin. The weights come last: a folder that has them is whole."""
    config = json.loads((source / "config.json").read_text())
    size = config["head_dim"]
    weights = {name: widened(name, tensor, size) for name, tensor in load_file(source / "model.safetensors").items()}
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.name not in ("config.json", "model.safetensors", "README.md"):
            shutil.copy(path, target)
    (target / "config.json").write_text(json.dumps(config | {"head_dim": HEAD_SIZE}, indent=2) + "\n")
    save_file(weights, target / "model.safetensors.draft", metadata={"format": "pt"})
    (target / "model.safetensors.draft").rename(target / "model.safetensors")


def widened(name: str, tensor: torch.Tensor, size: int) -> torch.Tensor:
    """A tensor of the twin."""
    every = HEAD_SIZE // size
    if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
        heads = tensor.view(-1, size, tensor.shape[1])
        wide = torch.zeros(heads.shape[0], HEAD_SIZE, tensor.shape[1])
        wide[:, ::every] = heads * (math.sqrt(every) if "q_proj" in name else 1.0)
        return wide.reshape(-1, tensor.shape[1]).contiguous()
    if name.endswith("o_proj.weight"):
        heads = tensor.view(tensor.shape[0], -1, size)
        wide = torch.zeros(tensor.shape[0], heads.shape[1], HEAD_SIZE)
        wide[:, :, ::every] = heads
        return wide.reshape(tensor.shape[0], -1).contiguous()
    return tensor


if __name__ == "__main__":
    main()
