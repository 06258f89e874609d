"""What `selfplay serve` prints, and that it serves what the engine asks for."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import main
from flows.environment import ROOT
from tasks.engines.openai import served_name
from tasks.engines.vllm_environment import VllmEnvironment
from tasks.store.objects import keep_checkpoint
from tasks.store.records import add_record


@pytest.fixture
def serve(rounds, monkeypatch, capsys):
    def typed(*arguments):
        monkeypatch.setattr(sys, "argv", ["selfplay", "serve", *arguments, "--store", str(rounds.store)])
        line, code = main._ended()
        return code, capsys.readouterr().out, line

    return typed


def parts(said):
    """What a shell makes of the command."""
    (line,) = said.splitlines()
    return shlex.split(line)


def test_a_held_rounds_candidate_is_served_under_the_name_that_the_engine_asks_for(rounds, serve):
    held = rounds.publish("held")
    code, said, _ = serve("small/1")
    told = parts(said)
    assert code == 0
    start = told.index(str(ROOT / ".venv-vllm/bin/python"))
    assert told[start + 1 : start + 3] == ["-m", "vllm.entrypoints.openai.api_server"]
    options = dict(zip(told[start + 3 :: 2], told[start + 4 :: 2], strict=False))
    assert options["--served-model-name"] == served_name(held.candidate.digest)
    assert Path(options["--model"]) == rounds.lineage.objects / held.candidate.digest
    assert (options["--host"], options["--generation-config"]) == ("127.0.0.1", "vllm")


def test_without_a_name_it_is_the_champion_and_before_a_promotion_that_is_the_base(rounds, serve):
    rounds.publish("held")
    assert served_name(rounds.base.digest) in serve()[1]
    promoted = rounds.publish("promoted")
    rounds.publish("held")
    assert serve()[1] == serve("champion")[1] == serve("small/champion")[1] == serve("small/2")[1]
    told = json.loads(serve("--json", "--port", "9000")[1])
    assert told["digest"] == promoted.candidate.digest
    assert told["served_model_name"] == served_name(promoted.candidate.digest)
    assert told["url"] == "http://127.0.0.1:9000/v1"
    assert shlex.split(told["command"])[-len(told["arguments"]) :] == told["arguments"]
    assert served_name(rounds.base.digest) in serve("small/base")[1]


@pytest.mark.parametrize(("gpu", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_decides_the_number_format(rounds, serve, monkeypatch, gpu, dtype):
    rounds.publish("held")
    to_come = VllmEnvironment(Path("/env/bin/python"), "", gpu)
    monkeypatch.setattr("flows.commands.serve.environment_to_come", lambda: to_come)
    told = parts(serve("1")[1])
    assert told[told.index("--dtype") + 1] == dtype
    assert ("--enforce-eager" in told) == ("--no-enable-chunked-prefill" in told) == (not gpu)


def test_an_adapter_is_served_on_the_weights_that_it_was_trained_on(rounds, serve, tmp_path):
    rounds.publish("promoted")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text('{"r": 12}')
    adapter = keep_checkpoint(rounds.store / "objects", tmp_path / "adapter")
    m = rounds.publish("held", adapter=adapter)
    told = parts(serve("small/2", "--adapter")[1])
    objects = rounds.lineage.objects
    assert told[told.index("--model") + 1] == str(objects / m.champion.digest)
    assert told[told.index("--served-model-name") + 1] == served_name(m.champion.digest)
    assert told[told.index("--lora-modules") + 1] == f"{served_name(adapter.digest)}={objects / adapter.digest}"
    assert told[told.index("--max-lora-rank") + 1] == "16", "vLLM knows only some"
    assert json.loads(serve("2", "--adapter", "--json")[1])["served_model_name"] == served_name(adapter.digest)
    assert "--enable-lora" not in serve("small/2")[1], "the merged weights are a model of their own"
    for name in ("small/1", "champion", "base"):
        refusal = f"{name}: it was not trained with adapters (train.lora); leave --adapter out"
        assert serve(name, "--adapter") == (2, "", refusal)


def test_weights_that_are_not_there_or_not_what_was_written_are_one_line(rounds, serve):
    held, failed = rounds.publish("held"), rounds.publish("failed")
    assert serve("small/2")[2] == f"small/2: it has no weights: {failed.reason}"
    weights = rounds.lineage.objects / held.candidate.digest
    (weights / "tokenizer.json").write_text("other")
    code, said, line = serve("small/1")
    assert (code, said) == (1, "")
    assert "tokenizer.json: not the file that was written" in line
    shutil.rmtree(weights)
    assert "these weights are not in the store" in serve("small/1")[2]
    add_record(rounds.lineage.folder, "drop-weights", 1, "to make room")
    assert serve("small/1") == (2, "", "small/1: it has no weights: a record dropped them")


def test_it_imports_neither_prefect_nor_torch(rounds):
    rounds.publish("held")
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['serve', '--store', {str(rounds.store)!r}], standalone_mode=False)\n"
        "assert not {'prefect', 'torch', 'transformers'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
