import pyarrow as pa
import pytest
import torch

from schemas.errors import ValidationFailed
from tasks.training.encoded import encoded
from tasks.training.marks import evenly
from tasks.training.sft import train_sft
from tasks.training.trainer import Phase
from tasks.training.weights import load, load_tokenizer

ROWS = [
    ("1+2+3+4=\n", "1+2=3\n3+3=6\n6+4=10\n#10", 1.0),
    ("5+5+1+1=\n", "#12", 0.25),
    ("2+2+2+2=\n", "2+2=4\n#8", 0.5),
]


@pytest.fixture
def phase(draft, tiny, recipe, tmp_path):
    return Phase(
        method="sft", source=draft.checkpoint(tiny), work=tmp_path / "work", begun=None, save_minutes=10, lora=None,
        stop=recipe.train.stop, seed=1, progress=lambda steps: None,
    )  # fmt: skip


@pytest.fixture
def first_loss(phase, recipe):
    """The loss before any step, over all rows at once."""
    import orjson

    def train(weight, rows=ROWS, **more):
        changes = {"steps": 1, "batch_size": len(rows), "rows_at_once": len(rows), "weight": weight} | more
        settings = recipe.train.sft.model_copy(update=changes)
        table = pa.table(dict(zip(("prompt", "completion", "agreement"), zip(*rows, strict=True), strict=True)))
        table = encoded(table, load_tokenizer(phase.source), ("completion",), 512).rows
        folder = train_sft(phase, table, settings)
        (step,) = orjson.loads((folder / "steps.json").read_bytes())
        return step["loss"]

    return train


def token_losses(folder, prompt, completion):
    """By hand: -log p of each token but the first, end token included."""
    model, tokenizer = load(folder)
    ids = torch.tensor([tokenizer(prompt + completion + tokenizer.eos_token)["input_ids"]])
    with torch.no_grad():
        logits = model.eval()(ids).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")


def test_a_rows_losses_are_multiplied_by_its_agreement(phase, first_loss):
    losses = [(token_losses(phase.source, prompt, completion), weight) for prompt, completion, weight in ROWS]
    tokens = sum(len(loss) for loss, _ in losses)
    weighted, plain = (sum(float(loss.sum()) * (w if w else 1) for loss, w in side) / tokens
                       for side in (losses, [(loss, None) for loss, _ in losses]))  # fmt: skip
    assert first_loss("agreement") == pytest.approx(weighted, rel=1e-4)
    assert first_loss(None) == pytest.approx(plain, rel=1e-4)


def test_with_completion_only_the_prompts_tokens_do_not_count(phase, first_loss):
    tokenizer = load(phase.source)[1]
    of_prompts = [len(tokenizer(prompt)["input_ids"]) for prompt, _, _ in ROWS]
    losses = [token_losses(phase.source, *row[:2])[n - 1 :] for row, n in zip(ROWS, of_prompts, strict=True)]
    assert first_loss(None, completion_only=True) == pytest.approx(float(torch.cat(losses).mean()), rel=1e-4)


def test_weights_that_the_last_step_ruined_are_no_candidate(phase, first_loss):
    with pytest.raises(
        ValidationFailed, match=r"sft weights that are no numbers at step 1; lower train\.sft\.learning"
    ):
        first_loss(None, learning_rate=1e39, warmup_steps=0)
    assert not list(phase.work.glob("finished-*/weights"))


def test_rows_of_full_agreement_are_trained_on_as_without_weights(first_loss):
    sure = [(prompt, completion, 1.0) for prompt, completion, _ in ROWS]
    assert first_loss("agreement", sure) == first_loss(None, sure)


@pytest.mark.parametrize(("steps", "ends"), [(200, (50, 100, 150, 200)), (6, (2, 3, 5, 6)), (1, (1, 1, 1, 1))])
def test_marks_are_equally_spaced_and_end_with_the_last_step(steps, ends):
    assert evenly(steps, 4) == ends
