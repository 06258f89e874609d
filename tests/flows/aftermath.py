"""What a kill left behind: where it hit, what the store holds that nothing names, and the table of kills."""

import hashlib
import json
from pathlib import Path

from schemas.manifest import Manifest

from .killing import ORDER, Kill, Victim


def where(victim: Victim, whole: Manifest) -> tuple[str, str]:
    """Stage and phase that a kill hit, from the store alone. `whole`: the same round's manifest, uninterrupted."""
    round = victim.round
    if (round / "manifest.json").exists():
        left = unaccounted(round.parents[1])
        strays = sum(path.is_relative_to(round) for path in left)
        return "publish", f"manifest written, {strays} strays left" if strays else "published, ending"
    if not victim.holds:
        return "start", "before it held the lineage"
    missing = [name for name in ORDER if not _marker(round, name, whole.stages[name]).exists()]
    if not missing:
        written = [name for name in ("scorecard.json", "validation.json", "alarms.json") if (round / name).exists()]
        written += ["the manifest's draft" for _ in round.glob(".manifest.json.*")]
        return "publish", f"{', '.join(written)}, no manifest" if written else "not begun"
    stage = missing[0]
    if stage == "train":
        return stage, _in_training(round, whole)
    parts = len([p for p in round.glob(f"**/{whole.stages[stage]}/part-*") if not p.name.startswith(".")])
    drafts = len(list(round.glob(f"**/{whole.stages[stage]}/.part-*")))
    return stage, f"{parts} parts whole" + (", one being written" if drafts else "")


def _marker(round: Path, shown: str, key: str) -> Path:
    return round / "stages" / f"{shown.split('.')[0]}-{key}.json"


def _in_training(round: Path, whole: Manifest) -> str:
    assert whole.candidate
    if list((round / "train_steps").glob("*/part-*")):
        return "steps written, no marker"
    candidate = round.parents[1] / "objects" / whole.candidate.digest
    if candidate.exists():
        return "candidate kept" if (candidate / "object.json").exists() else "candidate half kept"
    folders = sorted((round / "training").glob("*/*/*-*"), key=lambda path: path.stat().st_mtime_ns)
    shown = [f"{f.parent.name}/{f.name} {'whole' if (f / 'complete.json').exists() else 'torn'}" for f in folders]
    return ", ".join(shown) or "before its first step was saved"


def last_write(store: Path) -> float:
    """When the store was last written to, the lock's heart aside."""
    return max((path.lstat().st_mtime for path in store.rglob("*") if path.parent.name != "lock"), default=0.0)


def unaccounted(store: Path) -> list[Path]:
    """Files that neither a published round's manifest names nor the store's own layout: told apart from `gc` on
    purpose, and knowing nothing of how it looks."""
    known = {store / "store.json"}
    for manifest in store.glob("*/round-*/manifest.json"):
        round, read = manifest.parent, json.loads(manifest.read_bytes())
        known |= {round / name for name in ("manifest.json", "recipe.toml")}
        known |= {round / name for name in ("scorecard.json", "validation.json", "alarms.json")}
        known |= {round / "stages" / f"{name.split('.')[0]}-{key}.json" for name, key in read["stages"].items()}
        for ref in (ref for refs in read["tables"].values() for ref in refs):
            known |= {round.parent / ref["path"] / file for file in ref["files"]}
        for ref in (read["base"], read["champion"], read["candidate"]):
            if ref:
                listing = store / "objects" / ref["digest"] / "object.json"
                known |= {listing, *(listing.parent / file for file in json.loads(listing.read_bytes())["files"])}
    for lineage in (path for path in store.iterdir() if path.is_dir() and path.name != "objects"):
        known |= set((lineage / "cache").rglob("*"))
        known |= set((lineage / "records").glob("[0-9]*.json"))
        known |= set((lineage / "sealed").glob("*.json"))
        for kind in ("json", "beat", "released"):
            known |= set((lineage / "lock").glob(f"[0-9]*.{kind}"))
    return sorted(path for path in store.rglob("*") if not path.is_dir() and path not in known)


def damaged(store: Path) -> list[Path]:
    """Files that a manifest or an object's listing names and that are not what was written, or gone."""
    wanted: dict[Path, str] = {}
    for manifest in store.glob("*/round-*/manifest.json"):
        for ref in (ref for refs in json.loads(manifest.read_bytes())["tables"].values() for ref in refs):
            wanted |= {manifest.parents[1] / ref["path"] / file: digest for file, digest in ref["files"].items()}
    for listing in store.glob("objects/*/object.json"):
        wanted |= {listing.parent / f: digest for f, digest in json.loads(listing.read_bytes())["files"].items()}
    return sorted(
        path
        for path, digest in wanted.items()
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest
    )


def table_of(kills: list[Kill], title: str) -> str:
    """What was aimed at and what was hit, a line a kill."""
    heads = ("| # | aimed at | delay | hit | where | since the last write |", "|--:|---|--:|---|---|--:|")
    lines = [f"\n{title}\n", *heads]
    for number, kill in enumerate(kills, 1):
        lines.append(
            f"| {number} | {kill.aimed.stage}: {kill.aimed.phase} | {kill.delay * 1000:,.1f} ms | {kill.stage} "
            f"| {kill.phase} | {kill.silent * 1000:,.0f} ms |"
        )
    return "\n".join(lines)
