"""What Prefect's UI shows of a lineage: a stage's progress, the rounds so far, each round's decision and manifest.

All of it can be lost without harm: every call is made in a thread of its own, is waited for at most a moment, and
whatever goes wrong in it stays there.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any

import orjson

from flows.console import in_words, worded
from schemas.manifest import Manifest
from tasks.audit.markdown import as_markdown
from tasks.store.lineage import Lineage

EVERY_SECONDS = 2.0
LAST_SECONDS = 2.0  # for what is on its way when a stage or a round ends
SHOWN_ROUNDS = 50

Create = Callable[..., Any]


@contextmanager
def stage_progress(shown: str) -> Iterator[Callable[[int, int, str], None]]:
    """What a stage calls with (done, total, unit): it only remembers. A stage of under two seconds shows nothing."""
    progress = _Progress(f"progress-{shown}")
    try:
        yield progress.report
    finally:
        progress.close()


def round_artifacts(lineage: Lineage, manifest: Manifest) -> None:
    """What a published round leaves in the UI: the lineage's rounds, this one's decision, a link to its manifest."""
    name, key = f"{manifest.recipe}/{manifest.round}", f"{manifest.recipe}-{manifest.round:04d}"

    def show(create: Create) -> None:
        address = (lineage.round_folder(manifest.round) / "manifest.json").as_uri()
        create("table", f"rounds-{manifest.recipe}", _rounds_table(lineage.manifests), "rounds, newest first")
        create("markdown", f"decision-{key}", _decision(name, manifest), f"{name} {manifest.decision}")
        create("markdown", f"manifest-{key}", f"[{as_markdown(address)}](<{address}>)", f"the manifest of {name}")

    _in_the_background(show)


def show_markdown(key: str, text: str, description: str) -> None:
    """A text of this project's own making, shown as it is: anything else goes through `as_markdown` first."""
    _in_the_background(lambda create: create("markdown", key, text, description))


def _rounds_table(manifests: Sequence[Manifest]) -> str:
    """A row each. Figures and decisions only: no text that a model could have written."""
    shown = {f"{m.recipe}/{m.round}": in_words(m) for m in reversed(manifests[-SHOWN_ROUNDS:])}
    labels = dict.fromkeys(label for found in shown.values() for label in found)
    rows = [{"round": name} | {label: found.get(label, "-") for label in labels} for name, found in shown.items()]
    return orjson.dumps(rows).decode()


def _decision(name: str, manifest: Manifest) -> str:
    figures = [f"| {as_markdown(label)} | {as_markdown(text)} |" for label, text in in_words(manifest).items()]
    head = [f"# {as_markdown(name)}: {manifest.decision}", "", as_markdown(manifest.reason), ""]
    alarms = [f"- {as_markdown(worded(alarm))}" for alarm in manifest.alarms]
    return "\n".join([*head, *alarms, "", "| figure | value |", "|---|---|", *figures])


class _Progress:
    """The newest figures of a stage, and a thread that shows them every two seconds."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._newest: tuple[int, int, str] | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def report(self, done: int, total: int, unit: str) -> None:
        self._newest = (done, total, unit)
        if self._thread is None and "prefect" in sys.modules:  # else nobody plays a flow
            self._thread = threading.Thread(
                target=copy_context().run, args=(self._show,), name="progress", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(LAST_SECONDS)

    def _show(self) -> None:
        with suppress(Exception):
            shown, artifact = None, None
            while not self._ended.wait(EVERY_SECONDS):
                if self._newest == shown:
                    continue
                shown = self._newest
                artifact = self._shown(artifact)
            if artifact is not None:
                self._shown(artifact)

    def _shown(self, artifact: Any) -> Any:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import ArtifactUpdate

        assert self._newest is not None
        done, total, unit = self._newest
        share, words = min(100.0, 100.0 * done / max(total, 1)), f"{done:,} of {total:,} {unit}" if total else unit
        if artifact is None:
            create = _creator()
            return create("progress", self._key, share, words) if create else None
        get_client(sync_client=True).update_artifact(artifact.id, ArtifactUpdate(data=share, description=words))
        return artifact


def _in_the_background(show: Callable[[Create], None]) -> None:
    def shown() -> None:
        with suppress(Exception):
            if create := _creator():
                show(create)

    thread = threading.Thread(target=copy_context().run, args=(shown,), name="artifact", daemon=True)
    thread.start()
    thread.join(LAST_SECONDS)


def _creator() -> Create | None:
    """What creates an artifact of the flow run under way; None outside of one."""
    if "prefect" not in sys.modules:  # nobody plays a flow: two seconds of imports for nothing
        return None
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import ArtifactCreate
    from prefect.utilities.context import get_task_and_flow_run_ids

    task_run, flow_run = get_task_and_flow_run_ids()
    if flow_run is None:
        return None
    client = get_client(sync_client=True)  # the flow run's own

    def create(kind: str, key: str, data: Any, description: str) -> Any:
        key = re.sub("[^a-z0-9]+", "-", key.lower()).strip("-")
        return client.create_artifact(
            ArtifactCreate(
                type=kind, key=key, data=data, description=description, task_run_id=task_run, flow_run_id=flow_run
            )
        )

    return create
