import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from schemas.errors import BadInput, Stopped
from tasks.engines.check_model import Asked, check_model
from tasks.engines.engine import Message
from tasks.engines.loading import load_causal
from tasks.engines.model_files import window_of

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
LAYER = "model.layers.1.mlp.up_proj.weight"
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ m['content'] }}{% endfor %}"
)
DEAF = "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}"


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def says(folder, **keys):
    """Change keys of its config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def holds(folder, change):
    """Change its tensors."""
    weights = change(load_file(folder / "model.safetensors"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def refused(folder, asked=(), **lengths):
    with pytest.raises(BadInput) as error:
        check_model(folder, "model.path = 'm'", asked, lengths)
    line = str(error.value)
    assert line == " ".join(line.split())
    return line


def asked(prompt, max_tokens=8, room=None, long=()):
    return Asked("solver", "x.prompt = 'mine'", "", prompt, max_tokens, room, lambda bytes_left: iter(long))


def sharded(folder):
    """The same weights in several files."""
    AutoModelForCausalLM.from_pretrained(TINY).save_pretrained(folder, max_shard_size="200KB")
    (folder / "model.safetensors").unlink()
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_a_whole_model_is_told_as_it_is(model):
    found = check_model(model, "model.path")
    assert (found.architecture, found.parameters, found.tokens, found.window) == ("LlamaForCausalLM", 95744, 19, 256)
    sharded(model)
    assert check_model(model, "model.path") == found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda w: {f"_orig_mod.{name}": t for name, t in w.items()},
            "are missing; _orig_mod.model.embed_tokens.weig",
        ),
        (lambda w: {n: t for n, t in w.items() if n != LAYER}, f"config.json differ: {LAYER} is missing; take"),
        (lambda w: w | {"score.weight": torch.zeros(2)}, "config.json differ: score.weight is left over; take"),
        (lambda w: w | {LAYER: torch.zeros(3, 64)}, f"wants {LAYER} of shape [160, 64], and the files have [3, 64]"),
        (lambda w: w | {LAYER: w[LAYER].to(torch.int8)}, f"{LAYER} is of I8: quantized weights cannot be trained"),
        (lambda w: w | {"lm_head.weight": torch.zeros(19, 64)}, "ties lm_head.weight to model.embed_tokens.weight"),
    ],
)
def test_tensors_that_are_not_the_architectures_are_refused(model, change, words):
    holds(model, change)
    assert words in refused(model)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"num_hidden_layers": 1}, "model.layers.1.input_layernorm.weight"),
        ({"num_hidden_layers": 10**9}, "1000000000 layers, and the files hold 20 tensors"),
        ({"vocab_size": 25}, "config.json wants model.embed_tokens.weight of shape [25, 64]"),
        ({"hidden_size": "x"}, "config.json: "),
        ({"tie_word_embeddings": False}, "lm_head.weight is missing"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantized weights (gptq) cannot be trained"),
        ({"is_encoder_decoder": True}, "an encoder-decoder cannot be trained here; take a decoder-only model"),
        ({"model_type": "qwen9_next"}, "model_type = 'qwen9_next': transformers"),
        ({"model_type": "clip"}, "model_type = 'clip': not a causal language model"),
        ({"model_type": "bert"}, "model_type = 'bert' reads in both directions"),
        ({"transformers_weights": "../other.safetensors"}, "transformers_weights names another file"),
    ],
)
def test_a_config_of_another_model_or_of_none_that_can_be_trained_is_refused(model, keys, words):
    says(model, **keys)
    line = refused(model)
    assert line.startswith(f"model.path = 'm': {model}")
    assert words in line


def test_an_architecture_of_which_tensors_are_loaded_by_other_names_is_whole(tmp_path):
    """As GPT-2 is published: without the prefix, and with buffers that nobody has any more."""
    GPT2LMHeadModel(GPT2Config(vocab_size=19, n_embd=8, n_layer=1, n_head=2, n_positions=64)).save_pretrained(
        tmp_path
    )
    AutoTokenizer.from_pretrained(TINY).save_pretrained(tmp_path)
    holds(tmp_path, lambda w: {n.removeprefix("transformer."): t for n, t in w.items()})
    holds(tmp_path, lambda w: w | {"h.0.attn.bias": torch.ones(1, 1, 64, 64)})
    assert check_model(tmp_path, "model.path").window == 64
    load_causal(tmp_path, torch.float32)


def test_files_that_are_not_what_their_names_say_are_refused(model):
    whole = (model / "model.safetensors").read_bytes()
    for content, words in (
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer, not the file"),
        (whole[:200_000], "not a safetensors file, or cut off: "),
        (b"", "not a safetensors file, or cut off: "),
        (b"\xff" * 64, "not a safetensors file, or cut off: "),
    ):
        (model / "model.safetensors").write_bytes(content)
        assert f"{model}/model.safetensors: {words}" in refused(model)
    for content in ("[]", "{", "[" * 100_000):
        (model / "config.json").write_text(content)
        assert "config.json: not " in refused(model)


def test_shards_are_those_that_the_index_names_and_lie_beside_it(model):
    first, *_ = sharded(model)
    index = model / "model.safetensors.index.json"
    weights = json.loads(index.read_text())["weight_map"]
    shutil.copy(model / first, model / "consolidated.safetensors")
    assert "consolidated.safetensors: weights that are not the model's" in refused(model)
    (model / "consolidated.safetensors").unlink()
    for name in ("../elsewhere.safetensors", "/etc/passwd", "model.bin"):
        index.write_text(json.dumps({"weight_map": weights | {LAYER: name}}))
        assert f"names {name!r}, which is no .safetensors file beside it" in refused(model)
    index.write_text(json.dumps({"weight_map": []}))
    assert "no weight_map" in refused(model)
    index.write_text(json.dumps({"weight_map": weights}))
    (model / first).unlink()
    assert f"{first}: no such file; fetch it again" in refused(model)


def test_what_is_no_folder_of_safetensors_is_refused_with_what_to_do(model):
    (model / "adapter_config.json").write_text("{}")
    assert "merge it into its base" in refused(model)
    (model / "adapter_config.json").unlink()
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "pytorch_model.bin: pickled weights, which can run code; load the model" in refused(model)
    (model / "pytorch_model.bin").unlink()
    assert f"no .safetensors file in {model}" in refused(model)


def test_a_tokenizer_that_cannot_be_read_is_refused_with_the_whole_reason(model):
    told = json.loads((model / "tokenizer.json").read_text())
    (model / "tokenizer.json").write_text(json.dumps(told | {"model": {"type": "Newer", "vocab": {}}}))
    assert "the tokenizer cannot be read (by tokenizers" in refused(model)
    for path in model.glob("tokenizer*"):
        path.unlink()
    assert f"{model}: no tokenizer (tokenizer.json, or the like)" in refused(model)


def test_a_tokenizer_that_is_not_the_models_is_refused(model):
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.add_tokens(["<more>"])
    tokenizer.save_pretrained(model)
    assert "the tokenizer has token 19 ('<more>'), and the embedding 19 rows" in refused(model)


def test_a_tokenizer_that_ends_each_prompt_is_refused(model):
    told = json.loads((model / "tokenizer.json").read_text())
    end = AutoTokenizer.from_pretrained(TINY).eos_token
    place = {"id": end, "type_id": 0}
    told["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": place}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {end: {"id": end, "ids": [told["model"]["vocab"].get(end, 0)], "tokens": [end]}},
    }
    (model / "tokenizer.json").write_text(json.dumps(told))
    assert f"the tokenizer ends each prompt with {end!r}" in refused(model)


@pytest.mark.parametrize("end", [-1, "x", [1, None], 1.5])
def test_an_end_of_generation_that_is_no_token_is_refused(model, end):
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": end}))
    assert "generation_config.json: eos_token_id = " in refused(model)


def test_a_tokenizer_without_an_end_is_refused(model):
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token": None, "pad_token": None}))
    assert "the tokenizer has no end token" in refused(model)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (GEMMA, "refuses it (a system message): System role not supported; write it into the user's block"),
        (DEAF, "the model's chat template leaves out the system's message; write it into the user's block"),
        ("{% for", "the model's chat template refuses it (a system message): "),
    ],
)
def test_a_chat_that_the_template_refuses_or_leaves_out_is_refused(model, template, words):
    (model / "chat_template.jinja").write_text(template)
    line = refused(model, [asked((Message("system", "1+1"), Message("user", "2+2")))])
    assert line.startswith("x.prompt = 'mine': ")
    assert words in line


def test_a_chat_that_the_template_takes_is_whole(model):
    (model / "chat_template.jinja").write_text(GEMMA)
    assert check_model(model, "model.path", [asked((Message("user", "2+2"),))])


def test_prompts_and_answers_fit_the_window_and_the_engines_own(model):
    assert check_model(model, "model.path", [asked("1+1=", 252)], {"train.sft.max_length": 256})
    line = refused(model, [asked("1+1=", 253)])
    assert line == (
        "x.prompt = 'mine': its shortest prompt, 4 tokens, and max_tokens = 253 exceed the 256 that the model takes; "
        "lower max_tokens"
    )
    assert "exceed the 16 that" in refused(model, [asked("1+1=", 13, room=16)])
    assert check_model(model, "model.path", [asked("1+1=", None, room=16)]), "another's window is not known"
    rows = [("data.seeds: row 0", "1+1="), ("data.seeds: row 3", "1+1+1=")]
    line = refused(model, [asked("1+1=", 252, long=rows)])
    assert line.startswith("data.seeds: row 3: 6 tokens in x.prompt = 'mine', and max_tokens = 252 exceed the 256")
    assert refused(model, **{"train.sft.max_length": 257}).startswith(
        "train.sft.max_length = 257: the model has 256 "
    )


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"max_position_embeddings": 64}, 64),
        ({"n_positions": 32}, 32),
        ({"text_config": {"max_position_embeddings": 16}}, 16),
        ({"hidden_size": 64}, None),
        ({"max_position_embeddings": 64, "rope_scaling": {"type": "linear", "factor": 2.0}}, 128),
        ({"max_position_embeddings": 64, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 64),
        (
            {
                "max_position_embeddings": 64,
                "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
            },
            128,
        ),
        ({"max_position_embeddings": "many", "rope_scaling": 3}, None),
    ],
)
def test_the_window_is_what_the_positions_allow(config, window):
    assert window_of(config) == window


def test_loading_that_made_a_weight_up_stops_the_run_with_one_line(model):
    holds(model, lambda w: {n: t for n, t in w.items() if n != LAYER})
    with pytest.raises(Stopped, match=rf"^{model}: the files and config.json differ: {LAYER} is missing; see: self"):
        load_causal(model, torch.float32)
    says(model, vocab_size=25)
    with pytest.raises(Stopped, match=r"wants model\.embed_tokens\.weight of shape \[25, 64\]"):
        load_causal(model, torch.float32)


def test_no_config_makes_the_check_raise_past_its_line(model):
    """Each key gone, and of another kind."""
    said = json.loads((TINY / "config.json").read_text())
    for key in said:
        for value in (None, [], {}, "x", -1, 0, 10**30, 1.5, {"rope_type": "x", "factor": "y"}):
            says(model, **(said | {key: value}))
            try:
                check_model(model, "model.path = 'm'")
            except BadInput as error:
                assert str(error).startswith("model.path = 'm': "), (key, value)
