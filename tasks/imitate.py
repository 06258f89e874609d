"""Imitate: worked solutions as SFT examples, as they are."""

from typing import Any

from schemas.manifest import TableRef
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import writes
from tasks.store.draft import Draft


@writes(SFT_EXAMPLES)
def imitate(draft: Draft, *, gold: TableRef) -> dict[str, Any]:
    """Write `sft_examples`, one a gold row."""
    examples = [
        {"id": draft.row_id(SFT_EXAMPLES, row["id"]), "question_id": row["id"], "attempt_id": None, "agreement": 1.0}
        | {name: row[name] for name in ("prompt", "prompt_ids", "completion")}
        for row in draft.read(gold).to_pylist()
    ]
    draft.write(SFT_EXAMPLES, examples)
    return {"sft_examples": len(examples)}
