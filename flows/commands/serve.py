"""serve: the command that serves a checkpoint with vLLM."""

import json
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from schemas.errors import BadInput
from schemas.manifest import CheckpointRef, Manifest
from tasks.engines.serving import Adapter, vllm_serving
from tasks.engines.vllm_environment import environment_to_come
from tasks.store.lineage import Lineage
from tasks.store.naming import open_checkpoint
from tasks.training.adapters import rank_of


def serve(
    round: Annotated[
        str,
        typer.Argument(metavar="[ROUND]", help="A round's candidate, such as quickstart/3, or quickstart/champion."),
    ] = "champion",
    store: StoreOption = "store",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
    unmerged: Annotated[
        bool, typer.Option("--adapter", help="Its adapter, on the weights that it was trained on, without a merge.")
    ] = False,
    as_json_object: JsonOption = False,
) -> None:
    """Print the vLLM command that serves a round's weights. It starts nothing."""
    lineage, m, checkpoint = open_checkpoint(store, round)
    adapter = _adapter(lineage, m, checkpoint, round) if unmerged else None
    checkpoint = m.champion if adapter else checkpoint
    environment, folder = environment_to_come(), lineage.checkpoint_folder(checkpoint).resolve()
    serving = vllm_serving(environment, folder, checkpoint, port, adapter)
    if as_json_object:
        told = {"command": serving.command, **serving.__dict__, "digest": checkpoint.digest}
        typer.echo(json.dumps(told | {"url": f"http://127.0.0.1:{port}/v1"}, indent=2))
    else:
        typer.echo(serving.command)
    if not environment.version:
        typer.echo(f"{environment.python.parents[1]} is not there yet; make it with: make vllm-env", err=True)


def _adapter(lineage: Lineage, m: Manifest, checkpoint: CheckpointRef, name: str) -> Adapter:
    if m.adapter is None or checkpoint != m.candidate:
        raise BadInput(f"{name}: it was not trained with adapters (train.lora); leave --adapter out")
    folder = lineage.checkpoint_folder(m.adapter).resolve()
    return Adapter(m.adapter, folder, rank_of(folder))
