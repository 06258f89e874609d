"""Whether two checkpoints differ in their weights alone, so that a running server can take the one for the other."""

import json
from pathlib import Path
from typing import Any

from tasks.store.tensors import tensors_of

# the file that wrote a checkpoint says these of itself; they change nothing of what is computed
SAID = {"transformers_version", "_name_or_path", "_from_model_config", "use_cache", "dtype", "torch_dtype"}
BESIDE = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")


def alike(one: Path, other: Path) -> bool:
    """Same configuration, tokenizer and end tokens; the same tensors by name, type and shape: one that is missing in
    the new weights would stay the old ones', with no more than a warning."""
    files = ("config.json", *BESIDE)
    return tensors_of(one) == tensors_of(other) and all(_said(one / name) == _said(other / name) for name in files)


def _said(path: Path) -> Any:
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in SAID}
