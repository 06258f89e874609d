"""serve: the command that serves a checkpoint with vLLM."""

import json
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.environment import ROOT
from tasks.engines.serving import has_gpu, vllm_serving
from tasks.store.naming import open_checkpoint


def serve(
    round: Annotated[
        str,
        typer.Argument(metavar="[ROUND]", help="A round's candidate, such as quickstart/3, or quickstart/champion."),
    ] = "champion",
    store: StoreOption = "store",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
    as_json_object: JsonOption = False,
) -> None:
    """Print the vLLM command that serves a round's weights. It starts nothing."""
    lineage, _, checkpoint = open_checkpoint(store, round)
    python = ROOT / ".venv-vllm/bin/python"
    serving = vllm_serving(python, lineage.checkpoint_folder(checkpoint).resolve(), checkpoint, port, has_gpu())
    if as_json_object:
        told = {"command": serving.command, **serving.__dict__, "digest": checkpoint.digest}
        typer.echo(json.dumps(told | {"url": f"http://127.0.0.1:{port}/v1"}, indent=2))
    else:
        typer.echo(serving.command)
    if not python.exists():
        typer.echo(f"{python.parents[1]} is not there yet; make it with: make vllm-env", err=True)
