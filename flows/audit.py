"""The flow that audits a store: every published round against its manifest, every checkpoint against its digest."""

from flows import environment

environment.prepare()

from prefect import flow  # noqa: E402

from flows.artifacts import show_markdown, stage_progress  # noqa: E402
from flows.events import alarm  # noqa: E402
from schemas.errors import Damaged  # noqa: E402
from tasks.audit.examine import Examined, examine_store  # noqa: E402
from tasks.audit.markdown import as_markdown  # noqa: E402
from tasks.store.place import store_at  # noqa: E402

LISTED = 200


@flow(name="audit", persist_result=False, retries=0)
def audit(store: str = "store") -> str:
    """Examine all that is published in a store. Raises Damaged, after an alarm, if anything is not as it was."""
    root = store_at(store)
    with stage_progress("audit") as report:
        examined = examine_store(root, report=report)
    summary = f"examined: {examined.told}"
    show_markdown("audit", _report(str(root), summary, examined), summary)
    if examined.damage:
        first = examined.damage[0]
        reason = f"{len(examined.damage)} damaged: {first.place}: {first.found}"
        alarm("damaged", str(root), reason)
        raise Damaged(f"{root}: {reason}; the audit's artifact lists all")
    return f"{summary}; all as published"


def _report(store: str, summary: str, examined: Examined) -> str:
    lines = [f"# Audit of {as_markdown(store)}", "", f"{summary}; damaged: {len(examined.damage):,}.", ""]
    if examined.damage:
        lines += ["| published by | what | expected | found | unusable |", "|---|---|---|---|---|"]
    for damage in examined.damage[:LISTED]:
        cells = (damage.owner, damage.place, damage.expected, damage.found, damage.unusable)
        lines.append("| " + " | ".join(map(as_markdown, cells)) + " |")
    if len(examined.damage) > LISTED:
        lines.append(f"\nand {len(examined.damage) - LISTED:,} more")
    return "\n".join(lines)
