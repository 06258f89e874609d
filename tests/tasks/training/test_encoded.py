"""What was sampled is what is trained on, token by token, whatever the tokenizer."""

import pyarrow as pa
import pytest

from schemas.engines import TransformersEngine
from schemas.errors import ValidationFailed
from schemas.losses import Dpo, Kto, Policy, Sft
from schemas.settings import Sampling
from schemas.training import Stop
from tasks.engines.engine import Message, Request
from tasks.engines.transformers import open_transformers
from tasks.training.encoded import encoded, refuse_too_many
from tasks.training.methods import train_method
from tasks.training.policy import Position, train_policy
from tasks.training.references import References
from tasks.training.trainer import Phase
from tasks.training.valued import with_tokens
from tasks.training.weights import load_tokenizer

from ...families import FAMILIES, are_read, made, reading

LONG = 64
SHARED = {"steps": 1, "batch_size": 24, "rows_at_once": 24, "learning_rate": 1e-4, "schedule": "constant",
          "max_length": LONG}  # fmt: skip
METHODS = {
    "sft": Sft(**SHARED, completion_only=True),
    "dpo": Dpo(**SHARED, beta=0.1, loss_type=("sigmoid",), loss_weights=(1.0,)),
    "kto": Kto(**SHARED, beta=0.1),
}
POLICY = Policy(**SHARED, waves=1, advantage="group", scale="none", filter="before", clip_low=0.2, clip_high=0.2,
                reduction="token")  # fmt: skip


@pytest.fixture(params=FAMILIES, scope="module")
def sampled(request, tmp_path_factory):
    """A model of the family, and what it wrote: as it is untaught, anything."""
    folder = made(request.param, tmp_path_factory.mktemp(request.param))
    prompts = [(Message("user", f"{i}+4"),) if request.param == "chat" else f"Q: {i}+4\nA:" for i in range(6)]
    settings = Sampling(temperature=1.0, max_tokens=10)
    with open_transformers(TransformersEngine(kind="transformers", batch_rows=64), folder) as engine:
        asked = [Request(f"q{i}", prompt, settings, seed=i, n=4) for i, prompt in enumerate(prompts)]
        rows = [{"id": f"a{i}", **c.sampled} for i, c in enumerate(engine.generate(asked))]
    return folder, rows


@pytest.fixture
def read():
    with reading() as seen:
        yield seen


def phase(folder, method, work):
    return Phase(method=method, source=folder, work=work, begun=None, save_minutes=10, lora=None, stop=Stop(), seed=1,
                 progress=lambda steps: None)  # fmt: skip


def sequences(tokenizer, rows):
    return [(*tokenizer(row["prompt"])["input_ids"], *row["token_ids"]) for row in rows]


@pytest.mark.parametrize("method", METHODS)
def test_the_sampled_tokens_are_trained_on(method, sampled, read, tmp_path):
    folder, attempts = sampled
    tokenizer = load_tokenizer(folder)
    if method == "sft":
        rows = [
            {"id": row["id"], "prompt": row["prompt"], "completion": row["text"], "completion_ids": row["token_ids"]}
            for row in attempts
        ]
        texts = ("completion",)
    else:
        rows = [
            {"id": a["id"], "question_id": "q", "prompt": a["prompt"], "chosen": a["text"], "rejected": b["text"]}
            | {"chosen_ids": a["token_ids"], "rejected_ids": b["token_ids"]}
            | {"chosen_attempt_id": a["id"], "rejected_attempt_id": b["id"]}
            for a, b in zip(attempts[::2], attempts[1::2], strict=True)
        ]
        texts = ("chosen", "rejected")
    found = encoded(pa.Table.from_pylist(rows), tokenizer, texts, LONG)
    assert (found.too_long, found.anew) == ({}, 0)
    references = References({"start": folder} if method == "dpo" else {})
    train_method(phase(folder, method, tmp_path), found.rows, METHODS[method], references)
    wanted = sequences(tokenizer, attempts)
    assert are_read(wanted, read) == len(wanted) == 24


def test_a_policy_gradient_is_over_the_sampled_tokens(sampled, read, tmp_path):
    folder, attempts = sampled
    tokenizer = load_tokenizer(folder)
    rows = with_tokens(tokenizer, attempts)
    assert [tuple(row["completion_ids"]) for row in rows] == [row["token_ids"] for row in attempts]
    for row in rows:
        values = [0.1] * len(row["completion_ids"])
        row |= {"old_logps": values, "advantages": values, "reference_logps": None, "reward": 1.0}
    columns = ["prompt_ids", "completion_ids", "old_logps", "reference_logps", "advantages", "reward"]
    table = pa.Table.from_pylist([{name: row[name] for name in columns} for row in rows])
    train_policy(phase(folder, "policy", tmp_path), table, POLICY, Position(1, None))
    assert are_read(sequences(tokenizer, attempts), read) == 24


def test_what_an_untaught_model_wrote_is_often_no_text_that_gives_its_tokens(sampled):
    _, attempts = sampled
    assert {row["same_tokens"] for row in attempts} >= {False}, "else these tests would show nothing"


def test_a_gold_answer_ends_as_the_sampled_ones_do(tmp_path):
    tokenizer = load_tokenizer(made("chat", tmp_path))
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "3+4"}], tokenize=False,
                                           add_generation_prompt=True)  # fmt: skip
    row = {"id": "p", "prompt": prompt, "chosen": "7", "chosen_ids": None, "rejected": "8", "rejected_ids": [30, 2]}
    found = encoded(pa.Table.from_pylist([row]), tokenizer, ("chosen", "rejected"), LONG)
    [pair] = found.rows.to_pylist()
    assert (pair["chosen_ids"][-1], pair["rejected_ids"], found.anew) == (2, [30, 2], 1)


def test_rows_that_max_length_would_cut_are_left_out_and_told(tmp_path):
    tokenizer = load_tokenizer(made("byte_level", tmp_path))
    rows = [{"id": str(i), "prompt": "Q:", "completion": " 7" * i} for i in (1, 2, 30)]
    whole = encoded(pa.Table.from_pylist(rows), tokenizer, ("completion",), 1000)
    lengths = [len(r["prompt_ids"]) + len(r["completion_ids"]) for r in whole.rows.to_pylist()]
    exact = encoded(pa.Table.from_pylist(rows), tokenizer, ("completion",), lengths[1])
    assert exact.too_long == {2: lengths[2]} and exact.rows["id"].to_pylist() == ["1", "2"], (
        "one that just fits stays"
    )
    refuse_too_many("sft", "sft_examples", [9], 2, 8)
    with pytest.raises(
        ValidationFailed, match=r"^train\.sft\.max_length = 8: 2 of 3 rows of sft_examples .* 9 tokens"
    ):
        refuse_too_many("sft", "sft_examples", [9, 9], 3, 8)
