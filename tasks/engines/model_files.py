"""The files of a model's folder: whether they are whole, belong together, and are of a kind that can be trained. Only
heads are read, and no library of models is imported."""

import json
from pathlib import Path
from typing import Any

from schemas.errors import BadInput
from tasks.store.checkpoints import PICKLES
from tasks.store.tensors import tensors_of

INDEX = "model.safetensors.index.json"
ONE_FILE = "model.safetensors"
LFS = b"version https://git-lfs"
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "*.model", "vocab.*", "tekken.json", "*.tiktoken")
FLOATS = ("F64", "F32", "F16", "BF16")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")
WHOLE_WINDOW = ("longrope", "su", "llama3", "mrope", "default")  # their config names the extended window itself


def check_files(folder: Path) -> None:
    """Raises BadInput, one line that names the file and the way out."""
    if not (folder / "config.json").is_file():
        raise BadInput(f"no config.json in {folder}")
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            if file.read(len(LFS)) == LFS:
                raise BadInput(f"{path}: a Git LFS pointer, not the file itself; fetch it: git lfs pull")
    config = json_object(folder / "config.json")
    if (folder / "adapter_config.json").exists():
        raise BadInput(
            f"{folder}/adapter_config.json: an adapter, which would be loaded over the weights; merge it into its "
            "base (peft: merge_and_unload, then save_pretrained), and name that folder"
        )
    _check_kind(folder, config)
    _check_shards(folder)
    _check_tensors(folder, config)
    if not any(path.is_file() for pattern in VOCABULARIES for path in folder.glob(pattern)):
        raise BadInput(f"{folder}: no tokenizer (tokenizer.json, or the like); copy the model's own there")


def json_object(path: Path) -> dict[str, Any]:
    """Raises BadInput for a file that holds no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not valid JSON: {str(error).splitlines()[0]}; fetch the file again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: not a JSON object; fetch the file again")
    return content


def window_of(config: dict[str, Any]) -> int | None:
    """How many tokens a model takes, prompt and completion together, by its config as a dictionary; None where it is
    not bound to positions."""
    text = config.get("text_config")
    config = config | (text if isinstance(text, dict) else {})
    window = next((n for name in POSITIONS if isinstance(n := config.get(name), int) and n > 0), None)
    scaling = config.get("rope_scaling") or config.get("rope_parameters")
    if window is None or not isinstance(scaling, dict):
        return window
    factor, kind = scaling.get("factor"), scaling.get("rope_type") or scaling.get("type")
    if not isinstance(factor, int | float) or not factor > 1 or kind in WHOLE_WINDOW:
        return window
    origin = scaling.get("original_max_position_embeddings") if kind == "yarn" else None
    return max(window, int((origin if isinstance(origin, int) else window) * factor))


def _check_kind(folder: Path, config: dict[str, Any]) -> None:
    path = folder / "config.json"
    for key in ("quantization_config", "compression_config"):
        if said := config.get(key):
            method = said.get("quant_method") if isinstance(said, dict) else None
            kind = f" ({str(method)[:40]})" if method else ""
            raise BadInput(
                f"{path}: {key}: quantized weights{kind} cannot be trained here; take the model in bfloat16, float16 "
                "or float32"
            )
    if config.get("is_encoder_decoder"):
        raise BadInput(
            f"{path}: is_encoder_decoder: an encoder-decoder cannot be trained here; take a decoder-only model"
        )
    if config.get("transformers_weights"):
        raise BadInput(f"{path}: transformers_weights names another file of weights; remove the key")


def _check_shards(folder: Path) -> None:
    """That the files of weights are those that the index names, or the one file."""
    there = {path.name for path in folder.glob("*.safetensors") if path.is_file()}
    index = folder / INDEX
    if not there and not index.exists():
        if pickled := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES):
            raise BadInput(
                f"{folder}/{pickled[0]}: pickled weights, which can run code; load the model with transformers where "
                "you trust it, and save_pretrained(FOLDER) writes safetensors"
            )
        raise BadInput(f"no .safetensors file in {folder}")
    named = {ONE_FILE}
    if index.exists():
        weights = json_object(index).get("weight_map")
        if not isinstance(weights, dict) or not weights:
            raise BadInput(f"{index}: no weight_map; fetch the file again")
        named = {str(file) for file in weights.values()}
    for name in sorted(named - there):
        if "/" in name or "\\" in name or not name.endswith(".safetensors"):
            raise BadInput(f"{index}: names {name[:80]!r}, which is no .safetensors file beside it")
        raise BadInput(f"{folder}/{name[:80]}: no such file; fetch it again")
    if other := sorted(there - named):
        raise BadInput(f"{folder}/{other[0]}: weights that are not the model's ({_words(named)}); move the file away")


def _check_tensors(folder: Path, config: dict[str, Any]) -> None:
    tensors = tensors_of(folder)
    for name, (kind, _) in sorted(tensors.items()):
        if kind not in FLOATS and name.endswith("weight"):
            raise BadInput(
                f"{folder}: {name[:80]} is of {kind}: quantized weights cannot be trained here; take the model in "
                "bfloat16, float16 or float32"
            )
    text = config.get("text_config")
    said = config | (text if isinstance(text, dict) else {})
    layers = next((n for name in LAYERS if isinstance(n := said.get(name), int)), 0)
    if layers > len(tensors):  # nor is a model built of more layers than there can be
        raise BadInput(f"{folder}/config.json: {layers} layers, and the files hold {len(tensors)} tensors")


def _words(names: set[str]) -> str:
    return ", ".join(sorted(names)[:2]) + (", ..." if len(names) > 2 else "")
