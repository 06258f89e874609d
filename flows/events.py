"""What the outside can hear of a round: Prefect events, from which deployments/automations.yaml makes webhooks."""

import sys
from contextlib import suppress
from typing import Any

from schemas.manifest import Manifest

PUBLISHED = "selfplay.round.published"
ALARM = "selfplay.alarm"


def round_published(manifest: Manifest) -> None:
    """Say how a round ended. What goes wrong here never reaches the round: only the store decides what is done."""
    name = f"{manifest.recipe}/{manifest.round}"
    about = {"recipe": manifest.recipe, "round": manifest.round, "decision": manifest.decision}
    _emit(PUBLISHED, name, {"selfplay.decision": manifest.decision}, about | {"reason": manifest.reason})


def alarms_raised(manifest: Manifest) -> None:
    """An event for each alarm that a round was published with."""
    for raised in manifest.alarms:
        alarm(raised.name, f"{manifest.recipe}/{manifest.round}", f"{raised.level}: {raised.text}")


def alarm(kind: str, subject: str, reason: str) -> None:
    """Say that someone should look: a round's own alarm, or something that is not as it was published. `subject` is
    a store, a lineage or a round."""
    _emit(ALARM, subject, {"selfplay.alarm": kind}, {"alarm": kind, "subject": subject, "reason": reason})


def _emit(event: str, name: str, labels: dict[str, str], payload: dict[str, Any]) -> None:
    """Into the queue of Prefect's own thread, which sends it; its related resources name the flow run."""
    if "prefect" not in sys.modules:  # nobody plays a flow
        return
    with suppress(Exception):
        from prefect.events import emit_event
        from prefect.settings import PREFECT_API_URL

        if PREFECT_API_URL.value():  # without one Prefect would start a server of its own for it
            resource = {"prefect.resource.id": f"{event}.{name}", "prefect.resource.name": name}
            emit_event(event, resource=resource | labels, payload=payload)
