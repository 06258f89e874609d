"""What safetensors files hold, by their heads: no weight is read."""

from pathlib import Path

from schemas.errors import BadInput


def tensors_of(folder: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Tensor -> type, by its name in the file, and shape, over all safetensors of a folder. Raises BadInput for one
    that cannot be read."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118, no mapping
                if twice := found.keys() & slices.keys():
                    raise BadInput(f"{path}: {min(twice)[:80]} is in another file, too")
                found |= {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
        except (OSError, SafetensorError) as error:
            raise BadInput(f"{path}: not a safetensors file, or cut off: {error}; fetch it again") from error
    return found
