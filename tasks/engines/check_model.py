"""A base is checked before the night: its weights are those that its config describes, its tokenizer fits them, its
chat template reads the recipe's prompts, and they fit its window. Heads of files are read, and no weight."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import BadInput
from tasks.engines.engine import Message
from tasks.engines.loading import GIVEN, one_line, unlike
from tasks.engines.model_files import check_files, json_object, window_of
from tasks.store.tensors import tensors_of

Rendered = str | tuple[Message, ...]


@dataclass(frozen=True)
class Asked:
    """What a section of the recipe asks."""

    role: str
    """Who is asked."""
    key: str
    """Of the prompt, with its value, such as x.prompt = 'its_name'."""
    digest: str
    """Of all that decides what is asked, the rows aside."""
    example: Rendered
    """The prompt with the least in it."""
    max_tokens: int | None
    """None where another's model answers: its window is not known."""
    room: int | None
    """Tokens that the engine takes, prompt and completion; None: as many as the model."""
    long: Callable[[int], Iterable[tuple[str, Rendered]]]
    """The rows known already whose text has more than so many bytes: data.seeds: row 3, and the prompt with it."""


@dataclass(frozen=True)
class Checked:
    """What a whole model is."""

    architecture: str
    parameters: int
    tokens: int
    """Of the tokenizer."""
    window: int | None


def check_model(
    folder: Path, key: str, asked: Sequence[Asked] = (), lengths: Mapping[str, int] | None = None
) -> Checked:
    """Raises BadInput, one line that begins with the key that names the folder, or that of a prompt or a length.

    `lengths`: of training rows, by the recipe's key.
    """
    with _one_line(key):
        check_files(folder)
        config = _config(folder)
        model = _without_weights(folder, config)
        tokenizer = _tokenizer(folder)
        _check_tokenizer(folder, tokenizer, int(model.get_input_embeddings().weight.shape[0]))
    window = window_of(config.to_dict())
    for name, length in (lengths or {}).items():
        if window and length > window:
            raise BadInput(f"{name} = {length}: the model has {window} positions ({folder}/config.json); lower it")
    for each in asked:
        _check_asked(tokenizer, each, window)
    return Checked(type(model).__name__, model.num_parameters(), len(tokenizer), window)


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Whatever a library makes of hostile files. A tokenizer's own panic is no Exception."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BadInput as error:
        raise BadInput(f"{what}: {error}") from error
    except BaseException as error:
        raise BadInput(f"{what}: {one_line(error)}") from error


def _config(folder: Path) -> Any:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    path = folder / "config.json"
    kind = str(json_object(path).get("model_type", ""))[:40]
    if kind not in transformers.CONFIG_MAPPING:
        raise BadInput(f"{path}: model_type = '{kind}': transformers {transformers.__version__} knows no such model")
    with _one_line(str(path)):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise BadInput(f"{path}: model_type = '{kind}': not a causal language model; take a decoder-only model")
    if type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False):
        raise BadInput(f"{path}: model_type = '{kind}' reads in both directions; take a decoder-only model")
    return config


def _without_weights(folder: Path, config: Any) -> Any:
    """The model on no device, loaded from the heads of its files by the loader that loads them: it knows which
    tensors are tied, renamed or joined on the way. Raises BadInput."""
    import torch
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    heads = {
        name: torch.empty(shape, dtype=torch.float32, device="meta")
        for name, (_, shape) in tensors_of(folder).items()
    }
    architecture = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    with _one_line(f"{folder}/config.json: {getattr(architecture, '__name__', '')} cannot be built"):
        model, info = architecture.from_pretrained(
            None, config=config, state_dict=heads, device_map={"": "meta"}, dtype=torch.float32, **GIVEN
        )
    if fault := unlike(info):
        raise BadInput(f"{folder}: {fault}; take the files as their maker published them")
    for one, other in model.all_tied_weights_keys.items():
        if one in heads and other in heads and not _same(folder, one, other):
            raise BadInput(
                f"{folder}: config.json ties {one} to {other}, and they differ in the files; set "
                "tie_word_embeddings = false there"
            )
    return model


def _same(folder: Path, *names: str) -> bool:
    import torch
    from safetensors import safe_open

    found = []
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found += [file.get_tensor(name) for name in names if name in file.keys()]  # noqa: SIM118
    return bool(torch.equal(*found))


def _tokenizer(folder: Path) -> Any:
    from tokenizers import __version__
    from transformers import AutoTokenizer

    with _one_line(
        f"{folder}: the tokenizer cannot be read (by tokenizers {__version__}; a newer one may have saved it)"
    ):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _check_tokenizer(folder: Path, tokenizer: Any, rows: int) -> None:
    highest, token = max(((i, token) for token, i in tokenizer.get_vocab().items()), default=(0, ""))
    if highest >= rows:
        raise BadInput(
            f"{folder}: the tokenizer has token {highest} ({token[:40]!r}), and the embedding {rows} rows; "
            "take the tokenizer that the model was trained with"
        )
    _check_ends(folder)
    if tokenizer.eos_token_id is None:
        raise BadInput(f"{folder}: the tokenizer has no end token; set eos_token in tokenizer_config.json")
    with _one_line(f"{folder}: the tokenizer cannot read a text"):
        plain = tokenizer("1 + 1 =", add_special_tokens=False)["input_ids"]
        asked = tokenizer("1 + 1 =")["input_ids"]
    if not plain:
        raise BadInput(f"{folder}: the tokenizer finds no token in '1 + 1 ='; copy the model's own files there")
    if asked[-1] != plain[-1]:
        raise BadInput(
            f"{folder}: the tokenizer ends each prompt with {tokenizer.convert_ids_to_tokens(asked[-1])!r}, and the "
            "model would go on after its end; set add_eos_token = false in tokenizer_config.json, or take it out of "
            "tokenizer.json's post_processor"
        )


def _check_ends(folder: Path) -> None:
    """The end tokens that generation heeds beside the tokenizer's own."""
    path = folder / "generation_config.json"
    ends = json_object(path).get("eos_token_id") if path.exists() else None
    for end in ends if isinstance(ends, list) else [] if ends is None else [ends]:
        if type(end) is not int or end < 0:
            raise BadInput(f"{path}: eos_token_id = {str(end)[:40]!r}: not a token's id; take the model's own file")


def _check_asked(tokenizer: Any, asked: Asked, window: int | None) -> None:
    room = min((n for n in (window, asked.room) if n), default=None)
    shortest = _tokens(tokenizer, asked.key, asked.example)
    if room is None or asked.max_tokens is None:
        return
    left, bound = room - asked.max_tokens, f"max_tokens = {asked.max_tokens} exceed the {room} that the model takes"
    if shortest > left:
        raise BadInput(f"{asked.key}: its shortest prompt, {shortest} tokens, and {bound}; lower max_tokens")
    candidates = asked.long(left - shortest)  # no tokenizer makes more tokens of a text than it has bytes
    long = [(row, n) for row, prompt in candidates if (n := _tokens(tokenizer, asked.key, prompt)) > left]
    if long:
        row, tokens = long[0]
        more = f" (and {len(long) - 1:,} more rows)" if len(long) > 1 else ""
        raise BadInput(
            f"{row}{more}: {tokens} tokens in {asked.key}, and {bound}; leave the row out, or lower max_tokens"
        )


def _tokens(tokenizer: Any, key: str, prompt: Rendered) -> int:
    """How many a prompt has, as the model reads it. Raises BadInput for what its template refuses or leaves out."""
    from tasks.engines.texts import rendered

    messages = () if isinstance(prompt, str) else prompt
    system = any(message.role == "system" for message in messages)
    mend = "write it into the user's block of the prompt" if system else "use a raw prompt"
    with _one_line(f"{key}: the model's chat template refuses it ({'a system message' if system else 'a chat'})"):
        try:
            text = rendered(tokenizer, prompt)
        except Exception as error:
            raise BadInput(f"{one_line(error)}; {mend}") from error
    read = "".join(text.split())
    for message in messages:
        if "".join(message.content.split()) not in read:
            raise BadInput(f"{key}: the model's chat template leaves out the {message.role}'s message; {mend}")
    ids = tokenizer(text)["input_ids"]
    if not ids:
        raise BadInput(f"{key}: the prompt is empty, and a model goes on from a token; have it write something")
    return len(ids)
