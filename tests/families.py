"""Small models of other tokenizer families than the tiny one, made in place; and which tokens models read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, PreTrainedTokenizerFast

WORDS = [
    f"{a}+{b}={a + b} The sum of {a} and {b} is {a + b}, café 你好.\n" for a in range(1, 20) for b in range(1, 20)
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def metaspace() -> PreTrainedTokenizerFast:
    """As Llama 2's: a space before each text, which decoding takes off; bytes where nothing else fits."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    known = ["<unk>", "<s>", "</s>"]
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=known + bytes_, show_progress=False)
    made.train_from_iterator([text.replace(" ", "▁") for text in WORDS], trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    return tokenizer


def unigram() -> PreTrainedTokenizerFast:
    """As Japanese and many multilingual models': its model would read a control token's name as that token."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(WORDS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def byte_level(chat: bool = False) -> PreTrainedTokenizerFast:
    """As GPT-2's; or as Qwen's chats, whose turns end with another token than the tokenizer's end."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(WORDS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>")
    tokenizer.chat_template = CHATML if chat else None
    return tokenizer


FAMILIES = {
    "metaspace": metaspace,
    "unigram": unigram,
    "byte_level": byte_level,
    "chat": lambda: byte_level(chat=True),
}


def made(family: str, folder: Path) -> Path:
    """An untaught model: it writes any token of its vocabulary, and so what no text would be encoded as."""
    tokenizer = FAMILIES[family]()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    ends = [tokenizer.eos_token_id, *([2] if family == "chat" else [])]
    model.generation_config = GenerationConfig(eos_token_id=ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@contextmanager
def reading() -> Iterator[set[tuple[int, ...]]]:
    """Every sequence that a model of this process reads from now on."""
    seen: set[tuple[int, ...]] = set()

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, torch.nn.Embedding):
            seen.update(map(tuple, inputs[0].tolist()))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    yield seen
    handle.remove()


def are_read(wanted: Iterable[tuple[int, ...]], seen: set[tuple[int, ...]]) -> int:
    """How many of these sequences were read, whole and with nothing but padding after them."""
    return sum(any(row[: len(ids)] == ids and len(set(row[len(ids) :])) < 2 for row in seen) for ids in wanted)
