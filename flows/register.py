"""What a Prefect server is told of this project: the work pool, the deployments, the automations and their webhook.

`selfplay up` runs this; for any other server: PREFECT_API_URL=... python -m flows.register. Running it again changes
only what differs. SELFPLAY_STORE takes the place of the deployments' store; SELFPLAY_WEBHOOK_URL goes into a block.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]

from flows import environment

environment.prepare()

from flows.secret import WEBHOOK  # noqa: E402
from schemas.errors import BadInput, Stopped  # noqa: E402

DEPLOYMENTS = environment.ROOT / "deployments/prefect.yaml"
AUTOMATIONS = environment.ROOT / "deployments/automations.yaml"
POOL = "selfplay"
BLOCK = "selfplay-webhook"


def register(prefect_file: Path, store: str | None, webhook: str | None) -> None:
    """Create or update everything on the server at PREFECT_API_URL. A webhook that is there already stays in use."""
    _make_pool()
    _deploy(prefect_file, store)
    _automate(_webhook_block(webhook))


def check_webhook(url: str) -> None:
    """Raises BadInput for what is no address; the line does not repeat it, since it may be a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("the webhook: expected a URL that begins with https:// or http://")


def _make_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))


def _deploy(prefect_file: Path, store: str | None) -> None:
    deployments = yaml.safe_load(prefect_file.read_text())
    for deployment in deployments["deployments"]:
        deployment["parameters"] |= {"store": store} if store else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prefect.yaml"
        path.write_text(yaml.safe_dump(deployments))
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
        # from the checkout's root: it becomes the runs' working folder
        ran = subprocess.run(command, cwd=environment.ROOT, capture_output=True, text=True)
    if ran.returncode:
        raise Stopped(f"prefect deploy: {' '.join((ran.stdout + ran.stderr).split())[-500:]}")


def _webhook_block(url: str | None) -> str | None:
    """Id of the block that holds the URL, encrypted by Prefect; None if there is none."""
    from prefect.blocks.webhook import Webhook
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    if url:
        check_webhook(url)
        Webhook(url=url, headers={"Content-Type": "application/json"}).save(BLOCK, overwrite=True)
    with get_client(sync_client=True) as client:
        try:
            return str(client.read_block_document_by_name(BLOCK, "webhook").id)
        except ObjectNotFound:
            return None


def _automate(block: str | None) -> None:
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    with get_client(sync_client=True) as client:
        for automation in automations(block):
            core = AutomationCore.model_validate(automation)
            if existing := client.read_automations_by_name(core.name):
                core.enabled = existing[0].enabled  # what was switched off by hand stays off
                client.update_automation(existing[0].id, core)
            else:
                client.create_automation(core)


def automations(block: str | None) -> list[dict[str, Any]]:
    """deployments/automations.yaml, with the block's id in each webhook; without webhooks if there is no block."""
    every: list[dict[str, Any]] = yaml.safe_load(AUTOMATIONS.read_text())
    chosen = []
    for automation in every:
        webhooks = [action for action in automation["actions"] if action["type"] == "call-webhook"]
        for action in webhooks:
            action["block_document_id"] = block
        if block or not webhooks:
            chosen.append(automation)
    return chosen


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else DEPLOYMENTS
    try:
        register(given, os.environ.get("SELFPLAY_STORE"), os.environ.get(WEBHOOK))
    except (BadInput, Stopped) as error:
        sys.exit(f"selfplay: {error}")
