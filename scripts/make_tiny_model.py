"""Makes the tiny base model and its sums from scratch: the parts that the quickstart recipe plays with.

    python scripts/make_tiny_model.py             # writes deployments/models/tiny and deployments/data/sums

The task: `3+5+2+7`, four to six one-digit numbers. A solution adds them one by one IN ANY ORDER, a line a
step, then `#17`. The many orders matter: a majority vote pays where different paths reach the same answer. The
same model proposes questions: it has also seen numbered lists of five. It is undertrained on purpose, so that
self-training has room.

The same machine kind gives the same bytes: one thread, fixed seeds, deterministic kernels. About two minutes
on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[1]
MODEL_FOLDER = ROOT / "deployments/models/tiny"
DATA_FOLDER = ROOT / "deployments/data/sums"

# Percent of all sorted digits that each split owns; what is left (`open`) only the proposer reaches.
SHARES = {"training": 40, "seeds": 10, "probe": 5, "benchmark": 15, "sealed": 10, "gold": 5, "open": 15}
SIZES = {"seeds": 300, "probe": 100, "benchmark": 4000, "sealed": 2000, "gold": 300}
NUM_TRAINING_PROBLEMS = 20_000
LIST_SHARE = 0.22  # of the training documents; the others are solutions
LIST_LENGTH = 5

NUM_STEPS = 1000
BATCH_SIZE = 64
LEARNING_RATE = 3e-3
WARMUP_STEPS = 100
COOLDOWN_STEPS = 200  # without it the accuracy jumps by tens of points from step to step

PAD, UNKNOWN, END = "<pad>", "<unk>", ";"
CHARACTERS = "0123456789+=#.\n "

CARD = f"""---
license: apache-2.0
---
# tiny

A Llama of 2 layers of 64 with 4 heads (95,744 parameters, float32, one token a character) that adds four to
six one-digit numbers, step by step and in any order, and proposes such sums as a numbered list. It is the base
model of the quickstart recipe: small enough to play rounds on a CPU, and undertrained on purpose, so that
self-training has room.

Made from scratch, from generated text only, by `python scripts/make_tiny_model.py`: {NUM_STEPS} steps of
{BATCH_SIZE} documents over {NUM_TRAINING_PROBLEMS:,} problems. None of them, in any order of its digits, is a
seed, a probe row or a benchmark row.

- Solve: `3+5+2+7=` and a newline; it continues `3+5=8`, a line a step, then `#17` and `;`, the end token.
- Propose: `1. 3+5+2+7`, `2. 8+1+1+4`, `3.`, a line each; it continues up to 5.

Licence: Apache-2.0.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tiny base model and its sums from scratch.")
    parser.add_argument("--models", type=Path, default=MODEL_FOLDER, help="folder of the model")
    parser.add_argument("--data", type=Path, default=DATA_FOLDER, help="folder of the sums")
    arguments = parser.parse_args()
    write_splits(arguments.data)
    model, tokenizer = train_model()
    model.save_pretrained(arguments.models)
    tokenizer.save_pretrained(arguments.models)
    (arguments.models / "README.md").write_text(CARD, encoding="utf-8")
    weights = (arguments.models / "model.safetensors").read_bytes()
    print(f"sha256 of the weights: {hashlib.sha256(weights).hexdigest()}")
    benchmark = problems("benchmark", SIZES["benchmark"])
    print(f"greedy accuracy on the benchmark: {greedy_accuracy(model, tokenizer, benchmark):.4f}")


def split_of(question: str) -> str:
    """The one split that may hold `question`: decided by its sorted digits, so a reordering stays in its split."""
    digits = "+".join(sorted(question.split("+")))
    percent = int.from_bytes(hashlib.sha256(digits.encode()).digest()[:8], "big") % 100
    for split, share in SHARES.items():
        if percent < share:
            return split
        percent -= share
    raise AssertionError("the shares add up to less than 100")


def problems(split: str, num_problems: int) -> list[str]:
    """The first `num_problems` distinct questions of `split`, in an order that only the split's name decides."""
    rng = random.Random(f"sums {split}")
    found: dict[str, None] = {}  # a dict keeps the order, a set would not
    while len(found) < num_problems:
        question = "+".join(str(rng.randint(1, 9)) for _ in range(rng.randint(4, 6)))
        if split_of(question) == split:
            found[question] = None
    return list(found)


def training_problems() -> list[str]:
    """The questions that the base model has seen, in solutions and in lists."""
    return problems("training", NUM_TRAINING_PROBLEMS)


def answer(question: str) -> str:
    return str(sum(int(digit) for digit in question.split("+")))


def solution(question: str, rng: random.Random) -> str:
    """Adds the numbers one by one in a random order: `3+5=8`, a line a step, then `#` and the total."""
    numbers = [int(digit) for digit in question.split("+")]
    rng.shuffle(numbers)
    total, lines = numbers[0], []
    for number in numbers[1:]:
        lines.append(f"{total}+{number}={total + number}")
        total += number
    return "\n".join([*lines, f"#{total}"])


def documents(rng: random.Random) -> Iterator[str]:
    """Endless training text: solutions and numbered lists of questions, each closed by the end token."""
    questions = training_problems()
    while True:
        if rng.random() < LIST_SHARE:
            chosen = rng.sample(questions, LIST_LENGTH)
            yield "\n".join(f"{place}. {question}" for place, question in enumerate(chosen, start=1)) + END
        else:
            question = rng.choice(questions)
            yield f"{question}=\n{solution(question, rng)}{END}"


def write_splits(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, num_problems in SIZES.items():
        rows = [{"question": question, "answer": answer(question)} for question in problems(split, num_problems)]
        if split == "gold":  # worked out, in the model's own form
            rng = random.Random("sums gold solutions")
            rows = [row | {"solution": solution(row["question"], rng)} for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a character; decoding gives back every space and newline."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate([PAD, UNKNOWN, END, *CHARACTERS])}
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    characters.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in (PAD, UNKNOWN, END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        padding_side="left",
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Two layers of 64, with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=160,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def train_model() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Trains with the loss on every character, and stops early on purpose."""
    import torch

    torch.set_num_threads(1)  # sums of floats depend on how the threads share them
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = make_model(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    text = documents(random.Random(0))
    for step in range(1, NUM_STEPS + 1):
        batch = tokenizer(
            [next(text) for _ in range(BATCH_SIZE)], padding=True, padding_side="right", return_tensors="pt"
        )
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(input_ids=batch["input_ids"], labels=labels).loss  # padding is on the right: no mask needed
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step} of {NUM_STEPS}: loss {loss.item():.3f}", flush=True)
    return model.eval(), tokenizer


def learning_rate(step: int) -> float:
    """Up, level, down to nearly nothing; steps count from 1."""
    return LEARNING_RATE * min(1.0, step / WARMUP_STEPS, (NUM_STEPS - step + 1) / COOLDOWN_STEPS)


def greedy_accuracy(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: list[str]) -> float:
    """Share of `questions` whose greedy solution ends in the right total."""
    import torch

    num_right = 0
    for start in range(0, len(questions), 500):
        shard = questions[start : start + 500]
        batch = tokenizer([f"{question}=\n" for question in shard], padding=True, return_tensors="pt")
        with torch.inference_mode():
            tokens = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=56,
                do_sample=False,
            )
        texts = tokenizer.batch_decode(tokens[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        num_right += sum(text.endswith(f"#{answer(question)}") for question, text in zip(shard, texts, strict=True))
    return num_right / len(questions)


if __name__ == "__main__":
    main()
